import { StoreOutcomeUnknown, StoreRefusal } from "../../sqlite/failures.ts";
import { outcomeUnknown, storeUnavailable } from "../store-fault.ts";

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
  if (thrown instanceof StoreOutcomeUnknown) return outcomeUnknown(thrown);
  if (thrown instanceof StoreRefusal && thrown.kind !== "constraint" && thrown.kind !== "other") {
    return storeUnavailable(thrown);
  }
  return thrown;
}
