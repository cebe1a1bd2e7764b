import type { StatementSync } from "node:sqlite";

/**
 * What a procedure sees of its database connection. There is deliberately no `exec`: transactions
 * belong to the group commit, and a procedure that ended one would break the writes beside it.
 */
export interface Connection {
  /**
   * The prepared statement for `sql`, from a cache by text: keep the text constant and bind values
   * (`json_each(?)` instead of an IN list of varying length). Every INTEGER is read as bigint.
   */
  statement(sql: string): StatementSync;
}

/**
 * A synchronous function that runs in the worker thread. Argument and result cross threads by
 * structured clone: plain objects, bigint, Uint8Array, Map and Set pass; functions and classes do not.
 */
export type Procedure<Argument, Result> = (connection: Connection, argument: Argument) => Result;

/**
 * What a worker-side module exports as `procedures`. Reads run on a read-only connection over one
 * snapshot; writes run in a savepoint of their own inside a shared transaction. `never` accepts a
 * procedure of any argument; the main side checks each call against the procedure's own type.
 */
export interface ProcedureTables {
  readonly reads: Readonly<Record<string, Procedure<never, unknown>>>;
  readonly writes: Readonly<Record<string, Procedure<never, unknown>>>;
}

/** The argument that a caller of procedure `P` passes; `undefined` for one that takes none. */
export type ArgumentOf<P> = P extends (connection: Connection) => unknown
  ? undefined
  : P extends (connection: Connection, argument: infer Argument) => unknown
    ? Argument
    : never;

/** What a caller of procedure `P` gets. */
export type ResultOf<P> = P extends (connection: Connection, argument: never) => infer Result
  ? Result
  : never;

/** One forward step of the schema, applied in a transaction of its own. */
export interface Migration {
  /** From 1, rising by at least 1; stored as the file's `user_version`. */
  readonly version: number;
  /** Statements separated by semicolons, without BEGIN or COMMIT. */
  readonly sql: string;
}
