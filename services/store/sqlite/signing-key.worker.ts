import type { SigningKeyRow } from "../../account/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { numberOf, textOf } from "./column.ts";

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
    signingKeyList: (connection: Connection): SigningKeyRow[] =>
      connection
        .statement(
          "SELECT key_id, private_key, public_key, create_time_ms FROM signing_key ORDER BY ordinal DESC",
        )
        .all()
        .map((row) => ({
          keyId: textOf(row, "key_id"),
          privateKey: textOf(row, "private_key"),
          publicKey: textOf(row, "public_key"),
          createTimeMs: numberOf(row, "create_time_ms"),
        })),
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
