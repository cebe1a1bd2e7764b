import type { RefusalKind } from "./failures.ts";

/** What SQLite said: https://www.sqlite.org/rescode.html */
export interface SqliteError {
  /** The extended result code; its low byte is the primary one. */
  readonly resultCode: number;
  readonly message: string;
}

const busy = 5;
const locked = 6;
const outOfMemory = 7;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const constraint = 19;
const notADatabase = 26;

/** The primary result codes that other modules decide by. */
export const resultCodes = { busy, corrupt, full, cannotOpen, notADatabase, ioError } as const;

/** Reads a thrown value as an error of SQLite; undefined when something else threw it. */
export function sqliteErrorOf(thrown: unknown): SqliteError | undefined {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return undefined;
  return typeof thrown.errcode === "number"
    ? { resultCode: thrown.errcode, message: thrown.message }
    : undefined;
}

/** The primary result code of a thrown value, or undefined when SQLite did not throw it. */
export function primaryCodeOf(thrown: unknown): number | undefined {
  const error = sqliteErrorOf(thrown);
  return error === undefined ? undefined : error.resultCode & 0xff;
}

/** The kind of refusal that a thrown value amounts to. */
export function refusalKindOf(thrown: unknown): RefusalKind {
  switch (primaryCodeOf(thrown)) {
    case busy:
    case locked:
      return "busy";
    case full:
      return "full";
    case constraint:
      return "constraint";
    case ioError:
    case corrupt:
    case notADatabase:
    case cannotOpen:
    case readOnly:
    case outOfMemory:
      return "io";
    case undefined:
    default:
      return "other";
  }
}

/**
 * The text of the constraint that a thrown value violated (`entry.conversation, entry.seq` for a
 * unique index, the expression for a CHECK), or undefined when it is no violation. Inside a procedure
 * this is the one kind of error that may be caught: any other may have ended the transaction.
 */
export function violatedConstraintOf(thrown: unknown): string | undefined {
  const error = sqliteErrorOf(thrown);
  if (error === undefined || (error.resultCode & 0xff) !== constraint) return undefined;
  const separator = error.message.indexOf(": ");
  return separator < 0 ? error.message : error.message.slice(separator + 2);
}
