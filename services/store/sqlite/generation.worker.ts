import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { integerOf } from "./column.ts";

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
