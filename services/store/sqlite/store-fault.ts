import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../../kernel/fault.ts";
import { StoreOutcomeUnknown, StoreRefusal } from "../../sqlite/failures.ts";

/** What clients are told to wait before they ask a store again that could not answer, in milliseconds. */
export const storeRetryDelayMs = 1_000;

/**
 * Waits for the database, and turns what it could not do into the faults of the contract: STORE_UNAVAILABLE when
 * nothing was written or read, OUTCOME_UNKNOWN when a write may have taken place. A violated constraint or a
 * procedure that threw is a bug and is thrown on as it is.
 */
export async function orStoreFault<T>(pending: Promise<T>): Promise<T> {
  try {
    return await pending;
  } catch (thrown) {
    throw storeFault(thrown);
  }
}

function storeFault(thrown: unknown): unknown {
  const details = { retryDelayMs: storeRetryDelayMs, cause: thrown };
  if (thrown instanceof StoreOutcomeUnknown) {
    const message = "whether the store took the change is unknown: try again, which is safe";
    return new Fault(ErrorReason.OUTCOME_UNKNOWN, message, details);
  }
  if (thrown instanceof StoreRefusal && thrown.kind !== "constraint" && thrown.kind !== "other") {
    return new Fault(ErrorReason.STORE_UNAVAILABLE, "the store cannot do this now: try again later", details);
  }
  return thrown;
}
