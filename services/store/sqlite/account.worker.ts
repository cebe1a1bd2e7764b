import type { AccountRow, InsertOutcome } from "../../account/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { integerOf, numberOf, type SqliteRow, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const accountSchema = `
  CREATE TABLE account (
    account_id TEXT NOT NULL PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    version INTEGER NOT NULL,
    create_time_ms INTEGER NOT NULL,
    request_id TEXT NOT NULL UNIQUE
  ) STRICT;
`;

const columns = "account_id, handle, display_name, password_hash, version, create_time_ms, request_id";

/** Sorts after every character that a handle may have. */
const afterEveryHandle = "\u{10ffff}";

function rowOf(row: SqliteRow): AccountRow {
  return {
    accountId: textOf(row, "account_id"),
    handle: textOf(row, "handle"),
    displayName: textOf(row, "display_name"),
    passwordHash: textOf(row, "password_hash"),
    version: integerOf(row, "version"),
    createTimeMs: numberOf(row, "create_time_ms"),
    requestId: textOf(row, "request_id"),
  };
}

function readOne(connection: Connection, sql: string, key: string): AccountRow | undefined {
  const row = connection.statement(sql).get(key);
  return row === undefined ? undefined : rowOf(row);
}

/** Runs in the worker thread. */
export const accountProcedures = {
  reads: {
    accountById: (connection: Connection, accountId: string): AccountRow | undefined =>
      readOne(connection, `SELECT ${columns} FROM account WHERE account_id = ?`, accountId),

    accountByHandle: (connection: Connection, handle: string): AccountRow | undefined =>
      readOne(connection, `SELECT ${columns} FROM account WHERE handle = ?`, handle),

    accountByRequestId: (connection: Connection, requestId: string): AccountRow | undefined =>
      readOne(connection, `SELECT ${columns} FROM account WHERE request_id = ?`, requestId),

    accountExisting: (connection: Connection, accountIds: readonly string[]): ReadonlySet<string> => {
      const sql = "SELECT account_id FROM account WHERE account_id IN (SELECT value FROM json_each(?))";
      const rows = connection.statement(sql).all(JSON.stringify(accountIds));
      return new Set(rows.map((row) => textOf(row, "account_id")));
    },

    accountSearch: (
      connection: Connection,
      search: { readonly prefix: string; readonly afterHandle: string; readonly limit: number },
    ): AccountRow[] => {
      const sql = `SELECT ${columns} FROM account
        WHERE handle >= ? AND handle < ? AND handle > ? ORDER BY handle LIMIT ?`;
      const { prefix, afterHandle, limit } = search;
      const rows = connection.statement(sql).all(prefix, prefix + afterEveryHandle, afterHandle, limit);
      return rows.map(rowOf);
    },
  },
  writes: {
    accountInsert: (connection: Connection, row: AccountRow): InsertOutcome => {
      const sql = `INSERT INTO account (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
      const { changes } = connection.statement(sql).run(...valuesOf(row));
      return Number(changes) === 1 ? "inserted" : "taken";
    },

    accountReplace: (
      connection: Connection,
      { row, expectedVersion }: { readonly row: AccountRow; readonly expectedVersion: bigint },
    ): boolean => {
      const sql = `UPDATE account SET display_name = ?, password_hash = ?, version = ?, create_time_ms = ?
        WHERE account_id = ? AND version = ?`;
      const { displayName, passwordHash, version, createTimeMs, accountId } = row;
      const { changes } = connection
        .statement(sql)
        .run(displayName, passwordHash, version, createTimeMs, accountId, expectedVersion);
      return Number(changes) === 1;
    },

    accountRemove: (connection: Connection, accountId: string): void => {
      connection.statement("DELETE FROM account WHERE account_id = ?").run(accountId);
      connection.statement("DELETE FROM device WHERE account_id = ?").run(accountId);
    },
  },
} satisfies ProcedureTables;

export const accountTable: CopiedTable<AccountRow> = {
  table: "account",
  columns,
  key: [{ column: "account_id" }],
  rowOf,
  valuesOf,
};

function valuesOf(row: AccountRow) {
  const { accountId, handle, displayName, passwordHash, version, createTimeMs, requestId } = row;
  return [accountId, handle, displayName, passwordHash, version, createTimeMs, requestId];
}
