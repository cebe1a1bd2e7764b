import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import type { GenerationRow } from "../copy/collections.ts";
import { integerOf, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const generationSchema = `
  CREATE TABLE generation (
    account_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (account_id, device_id)
  ) STRICT, WITHOUT ROWID;
`;

const raise = `
  INSERT INTO generation (account_id, device_id, generation) VALUES (?, ?, 1)
  ON CONFLICT (account_id, device_id) DO UPDATE SET generation = generation + 1
  RETURNING generation`;

/** Runs in the worker thread. */
export const generationProcedures = {
  reads: {},
  writes: {
    generationRaise: (
      connection: Connection,
      device: { readonly accountId: string; readonly deviceId: string },
    ): bigint => {
      const row = connection.statement(raise).get(device.accountId, device.deviceId);
      if (row === undefined) throw new Error("RETURNING gave no row");
      return integerOf(row, "generation");
    },
  },
} satisfies ProcedureTables;

export const generationTable: CopiedTable<GenerationRow> = {
  table: "generation",
  columns: "account_id, device_id, generation",
  key: [{ column: "account_id" }, { column: "device_id" }],
  rowOf: (row) => ({
    accountId: textOf(row, "account_id"),
    deviceId: textOf(row, "device_id"),
    generation: integerOf(row, "generation"),
  }),
  valuesOf: ({ accountId, deviceId, generation }) => [accountId, deviceId, generation],
};
