/**
 * Why a request was refused.
 * - `busy`: another process held the write lock for the whole busy timeout;
 * - `full`: the disk (or the page limit) is full;
 * - `io`: reading or writing the file failed, or it is damaged;
 * - `constraint`: a unique index, CHECK or NOT NULL refused the row;
 * - `overloaded`: the queue in front of the worker is full;
 * - `unavailable`: the worker is being restarted, or the database is stopping;
 * - `other`: the procedure threw something else, which is a bug in it or in its caller.
 */
export type RefusalKind = "busy" | "full" | "io" | "constraint" | "overloaded" | "unavailable" | "other";

/** What a refusal tells beside its kind. */
export interface RefusalDetails {
  readonly kind: RefusalKind;
  /** SQLite's extended result code, when SQLite refused. */
  readonly resultCode?: number | undefined;
  /** For `constraint`: what failed, as SQLite names it, for example `entry.conversation, entry.seq`. */
  readonly constraint?: string | undefined;
}

/** The request had no effect: nothing was written, and trying again is always safe. */
export class StoreRefusal extends Error {
  override readonly name = "StoreRefusal";
  readonly kind: RefusalKind;
  readonly resultCode: number | undefined;
  readonly constraint: string | undefined;

  constructor(message: string, details: RefusalDetails) {
    super(message);
    this.kind = details.kind;
    this.resultCode = details.resultCode;
    this.constraint = details.constraint;
  }
}

/**
 * Nobody knows whether the write is, or will be, in the file: COMMIT itself failed, or the worker died
 * or fell silent while it held the request. Read back before deciding anything that depends on it.
 */
export class StoreOutcomeUnknown extends Error {
  override readonly name = "StoreOutcomeUnknown";
  /** SQLite's extended result code, when it was COMMIT that failed. */
  readonly resultCode: number | undefined;

  constructor(message: string, resultCode?: number) {
    super(message);
    this.resultCode = resultCode;
  }
}

/**
 * Why a file cannot be used.
 * - `missing`: it cannot be opened (no directory, no permission);
 * - `not-a-database`, `damaged`: its bytes are not, or no longer, a sound SQLite database;
 * - `foreign`: it belongs to another application; `newer`: it was written by newer code;
 * - `unfinished`: it is to hold a copy that did not come to its end;
 * - `migration`: a migration failed; `busy`: others kept it locked; `code`: the procedures did not load.
 */
export type UnusableReason =
  | "missing"
  | "not-a-database"
  | "damaged"
  | "foreign"
  | "newer"
  | "unfinished"
  | "migration"
  | "busy"
  | "code";

/** The database could not be opened. The message names the path and what to do. */
export class UnusableDatabase extends Error {
  override readonly name = "UnusableDatabase";
  readonly reason: UnusableReason;

  constructor(reason: UnusableReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
