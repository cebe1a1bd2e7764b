import type { SigningKeyRow } from "../../account/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import type { RankedSigningKey } from "../copy/collections.ts";
import { numberOf, textOf } from "./column.ts";
import type { TableCopy } from "./copied-table.ts";

/** The ordinal tells which was added last; AUTOINCREMENT never gives one twice. */
export const signingKeySchema = `
  CREATE TABLE signing_key (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE,
    private_key TEXT NOT NULL,
    public_key TEXT NOT NULL,
    create_time_ms INTEGER NOT NULL
  ) STRICT;
`;

const insert = `
  INSERT INTO signing_key (key_id, private_key, public_key, create_time_ms)
  SELECT ?, ?, ?, ? WHERE ? = 0 OR NOT EXISTS (SELECT 1 FROM signing_key)`;

const dropOld = `
  DELETE FROM signing_key
  WHERE ordinal NOT IN (SELECT ordinal FROM signing_key ORDER BY ordinal DESC LIMIT 2)`;

/** Runs in the worker thread. */
export const signingKeyProcedures = {
  reads: {
    signingKeyList: listKeys,
  },
  writes: {
    signingKeyAdd: (
      connection: Connection,
      { row, onlyIfEmpty }: { readonly row: SigningKeyRow; readonly onlyIfEmpty: boolean },
    ): void => {
      const { keyId, privateKey, publicKey, createTimeMs } = row;
      connection.statement(insert).run(keyId, privateKey, publicKey, createTimeMs, onlyIfEmpty ? 1 : 0);
      connection.statement(dropOld).run();
    },
  },
} satisfies ProcedureTables;

/** The rank of a key is its place in the order of the ordinals; all keys are in one page. */
export const signingKeyCopy: TableCopy<RankedSigningKey> = {
  page: (connection, after) =>
    listKeys(connection)
      .toReversed()
      .map((row, rank) => ({ ...row, rank }))
      .filter(({ rank }) => after === undefined || rank > Number(after[0])),
  write: (connection, rows) => {
    connection.statement("DELETE FROM signing_key").run();
    for (const { keyId, privateKey, publicKey, createTimeMs } of rows)
      connection.statement(insert).run(keyId, privateKey, publicKey, createTimeMs, 0);
  },
  count: (connection) => listKeys(connection).length,
};

function listKeys(connection: Connection): SigningKeyRow[] {
  return connection
    .statement(
      "SELECT key_id, private_key, public_key, create_time_ms FROM signing_key ORDER BY ordinal DESC",
    )
    .all()
    .map((row) => ({
      keyId: textOf(row, "key_id"),
      privateKey: textOf(row, "private_key"),
      publicKey: textOf(row, "public_key"),
      createTimeMs: numberOf(row, "create_time_ms"),
    }));
}
