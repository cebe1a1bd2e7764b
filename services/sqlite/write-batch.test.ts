import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { CachedConnection } from "./cached-connection.ts";
import { cachedStatementsMax } from "./limits.ts";
import { refusalKindOf, sqliteErrorOf, violatedConstraintOf } from "./sqlite-error.ts";
import { commitBatch, type Lookup } from "./write-batch.ts";

const procedures: Lookup = () => (connection, sql) => {
  connection.statement(String(sql)).run();
  return sql;
};

const requests = (...statements: readonly string[]) =>
  statements.map((sql, index) => ({ id: index + 1, kind: "write", name: "sql", argument: sql }) as const);

function open(schema: string): CachedConnection {
  const database = new DatabaseSync(":memory:", { readBigInts: true });
  database.exec(schema);
  const connection = new CachedConnection(database);
  connection.control("BEGIN IMMEDIATE");
  return connection;
}

/** A schema in which an orphan is noticed by COMMIT only: the one way to make COMMIT fail on demand. */
const orphans =
  "PRAGMA foreign_keys = ON; CREATE TABLE parent (id INTEGER PRIMARY KEY);" +
  "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED, CHECK (parent > 0));";

test("an error of COMMIT makes its writes unknown, keeps the refusals, and brings the connection to rest", () => {
  const connection = open(orphans);
  const batch = requests(
    "INSERT INTO parent VALUES (1)",
    "INSERT INTO child VALUES (-1)",
    "INSERT INTO child VALUES (9)",
  );
  const answers = commitBatch(connection, batch, procedures);
  expect(answers.map((answer) => answer.outcome)).toEqual(["unknown", "refused", "unknown"]);
  expect(answers[0]).toMatchObject({ resultCode: 787 });
  expect(connection.database.isTransaction).toBe(false);
  connection.control("BEGIN IMMEDIATE");
  const after = commitBatch(connection, requests("INSERT INTO parent VALUES (1)"), procedures);
  expect(after).toEqual([{ id: 1, outcome: "done", value: "INSERT INTO parent VALUES (1)" }]);
  connection.close();
});

test("an error that ends the transaction refuses the writes before and after it for its reason", () => {
  const connection = open("CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK); INSERT INTO t VALUES (1)");
  const batch = requests("INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (3)");
  const answers = commitBatch(connection, batch, procedures);
  expect(answers.map(({ id }) => id)).toEqual([1, 2, 3]);
  for (const answer of answers) expect(answer).toMatchObject({ outcome: "refused", constraint: "t.a" });
  expect(connection.statement("SELECT a FROM t").all()).toEqual([{ a: 1n }]);
  connection.close();
});

function withCode(errcode: number): Error {
  return Object.assign(new Error("failed: because"), { errcode });
}

test("errors are told apart by SQLite's code, and what SQLite did not throw is of no kind", () => {
  const kinds = [5, 517, 13, 778, 11, 2067, 1, 8].map((code) => refusalKindOf(withCode(code)));
  expect(kinds).toEqual(["busy", "busy", "full", "io", "io", "constraint", "other", "io"]);
  expect(refusalKindOf(new Error("mine"))).toBe("other");
  expect(sqliteErrorOf("text")).toBeUndefined();
  expect(violatedConstraintOf(withCode(2067))).toBe("because");
  expect(violatedConstraintOf(withCode(13))).toBeUndefined();
});

test("the cache of statements is bounded and keeps what is used", () => {
  const connection = open("CREATE TABLE t (a)");
  const favourite = connection.statement("SELECT 'favourite'");
  const neglected = connection.statement("SELECT 'neglected'");
  for (let i = 0; i < cachedStatementsMax; i += 1) {
    connection.statement(`SELECT ${i}`);
    connection.statement("SELECT 'favourite'");
  }
  expect(connection.statement("SELECT 'favourite'")).toBe(favourite);
  expect(connection.statement("SELECT 'neglected'")).not.toBe(neglected);
  connection.close();
});
