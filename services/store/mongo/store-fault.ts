import {
  MongoAPIError,
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoError,
  MongoNotConnectedError,
  MongoServerError,
  MongoTopologyClosedError,
} from "mongodb";
import { outcomeUnknown, storeUnavailable } from "../store-fault.ts";

const duplicateKey = 11_000;

/** Codes by which a server says that the request itself is wrong: a bug of this adapter, or a server that lacks something. */
const badRequestCodes: ReadonlySet<number> = new Set([
  2, // BadValue
  9, // FailedToParse
  14, // TypeMismatch
  28, // PathNotViable
  40, // ConflictingUpdateOperators
  52, // DollarPrefixedFieldName
  59, // CommandNotFound
  66, // ImmutableField
  72, // InvalidOptions
  238, // NotImplemented
  10_334, // BSONObjectTooLarge
  duplicateKey,
]);

/** What a failed read leaves as: STORE_UNAVAILABLE, or as it is when it is a bug. */
export function readFault(thrown: unknown): unknown {
  return isBug(thrown) ? thrown : storeUnavailable(thrown);
}

/**
 * What a failed write leaves as. The driver sends a write again by itself and throws what the last attempt met, so not even
 * "no server found" proves that nothing was sent: whatever is not the server's own answer to the write is an unknown
 * outcome. Met unique indexes and bugs are thrown on as they are.
 */
export function writeFault(thrown: unknown): unknown {
  if (duplicatesOf(thrown) !== undefined || isBug(thrown)) return thrown;
  return outcomeUnknown(thrown);
}

/**
 * The places in its batch of what met a unique index, ascending; undefined when the write failed, or failed as well, for
 * another reason. Then it is not known which of the others were written, nor whether a majority has them.
 */
export function duplicatesOf(thrown: unknown): readonly number[] | undefined {
  if (!(thrown instanceof MongoServerError)) return undefined;
  if (!(thrown instanceof MongoBulkWriteError)) return thrown.code === duplicateKey ? [0] : undefined;
  const errors = [thrown.writeErrors].flat();
  // With a write concern that failed as well, or an error of the driver's own, there are none here.
  if (errors.length === 0 || errors.some((error) => error.code !== duplicateKey)) return undefined;
  return errors.map((error) => error.index).sort((one, other) => one - other);
}

function isBug(thrown: unknown): boolean {
  if (!(thrown instanceof MongoError)) return true;
  if (thrown instanceof MongoAPIError) return !isClosed(thrown);
  return thrown instanceof MongoServerError && badRequestCodes.has(Number(thrown.code));
}

/** The store was stopped while the request was under way. */
function isClosed(thrown: MongoAPIError): boolean {
  return (
    thrown instanceof MongoClientClosedError ||
    thrown instanceof MongoTopologyClosedError ||
    thrown instanceof MongoNotConnectedError
  );
}
