/**
 * Why a MongoDB cannot be used.
 * - `unreachable`: no server answered, or it refused the user;
 * - `unsafe`: a majority of it is one server, or nobody can tell;
 * - `newer`: the database was written by newer code;
 * - `migration`: bringing it up to date failed, or another process did not come to an end with that;
 * - `index`: a unique index is missing;
 * - `unfinished`: it is to hold a copy that did not come to its end.
 */
export type UnusableMongoReason = "unreachable" | "unsafe" | "newer" | "migration" | "index" | "unfinished";

/** The store could not be opened. The message says what to do, and has no secrets in it. */
export class UnusableMongo extends Error {
  override readonly name = "UnusableMongo";
  readonly reason: UnusableMongoReason;

  constructor(reason: UnusableMongoReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
