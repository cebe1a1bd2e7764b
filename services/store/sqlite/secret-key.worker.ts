import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import type { SecretKeyRow } from "../copy/collections.ts";
import { blobOf, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const secretKeySchema = `
  CREATE TABLE secret_key (
    name TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Runs in the worker thread. */
export const secretKeyProcedures = {
  reads: {},
  writes: {
    secretKeyReadOrCreate: (
      connection: Connection,
      argument: { readonly name: string; readonly candidate: Uint8Array },
    ): Uint8Array => {
      connection
        .statement("INSERT INTO secret_key (name, key) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
        .run(argument.name, argument.candidate);
      const row = connection.statement("SELECT key FROM secret_key WHERE name = ?").get(argument.name);
      if (row === undefined) throw new Error("the key that was just put is not there");
      return blobOf(row, "key");
    },
  },
} satisfies ProcedureTables;

export const secretKeyTable: CopiedTable<SecretKeyRow> = {
  table: "secret_key",
  columns: "name, key",
  key: [{ column: "name" }],
  rowOf: (row) => ({ name: textOf(row, "name"), key: blobOf(row, "key") }),
  valuesOf: ({ name, key }) => [name, key],
};
