import type { CachedConnection } from "./cached-connection.ts";
import type { Procedure } from "./procedures.ts";
import type { Answer, FailureRecord, Request } from "./protocol.ts";
import { refusalKindOf, resultCodes, sqliteErrorOf, violatedConstraintOf } from "./sqlite-error.ts";

/** Finds the procedure that a request names; throws when there is none. */
export type Lookup = (request: Request) => Procedure<unknown, unknown>;

/**
 * Runs `requests` inside the transaction that is open on `writer`, commits it, and only then returns
 * their answers. Each write has a savepoint: one that fails is rolled back alone. When SQLite ends the
 * whole transaction (a full disk does that), all of its writes are refused. Throws only when the
 * connection cannot be brought back to rest; the caller must then give it up.
 */
export function commitBatch(
  writer: CachedConnection,
  requests: readonly Request[],
  lookup: Lookup,
): readonly Answer[] {
  const answers: Answer[] = [];
  for (const request of requests) {
    const answer = runInSavepoint(writer, request, lookup);
    answers.push(answer);
    if (!writer.database.isTransaction) return abandoned(requests, answers);
  }
  try {
    writer.control("COMMIT");
    return answers;
  } catch (thrown) {
    if (writer.database.isTransaction) writer.control("ROLLBACK");
    const failure = commitFailure(thrown);
    return answers.map((answer) => (answer.outcome === "done" ? { id: answer.id, ...failure } : answer));
  }
}

/** The failure of a request whose procedure threw `thrown` and whose effects were rolled back. */
export function refusalOf(thrown: unknown): FailureRecord {
  const error = sqliteErrorOf(thrown);
  return {
    outcome: "refused",
    kind: refusalKindOf(thrown),
    message: thrown instanceof Error ? thrown.message : String(thrown),
    resultCode: error?.resultCode,
    constraint: violatedConstraintOf(thrown),
  };
}

/** Calls a procedure and insists that it is synchronous. */
export function callProcedure(connection: CachedConnection, request: Request, lookup: Lookup): unknown {
  const result = lookup(request)(connection, request.argument);
  if (result instanceof Promise) {
    // Its rejection would otherwise end the worker; what it was to do is refused anyway.
    result.catch(() => undefined);
    throw new TypeError(`Procedure "${request.name}" is asynchronous; procedures run to their end at once`);
  }
  return result;
}

function runInSavepoint(writer: CachedConnection, request: Request, lookup: Lookup): Answer {
  writer.control("SAVEPOINT request");
  try {
    const value = callProcedure(writer, request, lookup);
    if (writer.database.isTransaction) writer.control("RELEASE request");
    return { id: request.id, outcome: "done", value };
  } catch (thrown) {
    if (writer.database.isTransaction) {
      writer.control("ROLLBACK TO request");
      writer.control("RELEASE request");
    }
    return { id: request.id, ...refusalOf(thrown) };
  }
}

/**
 * The transaction ended before its COMMIT while the last of `answers` ran, and took all with it. When
 * that one was refused, so are the others, for its reason. When it returned as if nothing had happened,
 * it swallowed the error, and what it wrote afterwards may have been committed statement by statement.
 */
function abandoned(requests: readonly Request[], answers: readonly Answer[]): readonly Answer[] {
  const last = answers.at(-1);
  const shared: FailureRecord =
    last?.outcome === "refused"
      ? last
      : refusalOf(new Error("A write beside this one ended their transaction, which was rolled back"));
  return requests.map((request, index) => {
    if (answers[index] === last && last?.outcome === "done") {
      const message = `Procedure "${request.name}" hid an error that had ended its transaction`;
      return { outcome: "unknown", message, resultCode: undefined, id: request.id };
    }
    const own = answers[index];
    return own !== undefined && own.outcome !== "done" ? own : { ...shared, id: request.id };
  });
}

/**
 * SQLITE_FULL at COMMIT means that a frame of the transaction did not get into the log. Its commit
 * frame is the last one, so the transaction is not in the file and cannot come back: a refusal. Any
 * other error, a failed sync above all, may leave a whole transaction in the log: unknown.
 */
function commitFailure(thrown: unknown): FailureRecord {
  const error = sqliteErrorOf(thrown);
  if (error !== undefined && (error.resultCode & 0xff) === resultCodes.full) return refusalOf(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { outcome: "unknown", message: `COMMIT failed: ${message}`, resultCode: error?.resultCode };
}
