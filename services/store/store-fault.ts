import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";

/** What clients are told to wait before they ask a store again that could not answer, in milliseconds. */
export const storeRetryDelayMs = 1_000;

/** Nothing was written or read: trying again later is always safe. */
export function storeUnavailable(cause: unknown): Fault {
  const details = { retryDelayMs: storeRetryDelayMs, cause };
  return new Fault(ErrorReason.STORE_UNAVAILABLE, "the store cannot do this now: try again later", details);
}

/** A write may have taken place, or may yet. */
export function outcomeUnknown(cause: unknown): Fault {
  const details = { retryDelayMs: storeRetryDelayMs, cause };
  const message = "whether the store took the change is unknown: try again, which is safe";
  return new Fault(ErrorReason.OUTCOME_UNKNOWN, message, details);
}
