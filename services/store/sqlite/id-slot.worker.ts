import { type IdSpan, nextIdSpan } from "../../kernel/ids.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import type { IdSlotRow } from "../copy/collections.ts";
import { integerOf, numberOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const idSlotSchema = `
  CREATE TABLE id_slot (
    slot INTEGER PRIMARY KEY,
    mark INTEGER NOT NULL
  ) STRICT;
`;

const putMark = `
  INSERT INTO id_slot (slot, mark) VALUES (?, ?)
  ON CONFLICT (slot) DO UPDATE SET mark = excluded.mark`;

/** Runs in the worker thread. */
export const idSlotProcedures = {
  reads: {},
  writes: {
    /** Reading and writing are one step, because a write holds SQLite's lock from its beginning on. */
    idSlotRaise: (
      connection: Connection,
      argument: { readonly slot: number; readonly toAtLeast: bigint; readonly span: number },
    ): IdSpan => {
      const row = connection.statement("SELECT mark FROM id_slot WHERE slot = ?").get(argument.slot);
      const mark = row === undefined ? 0n : integerOf(row, "mark");
      const taken = nextIdSpan(mark, argument.toAtLeast, argument.span);
      connection.statement(putMark).run(argument.slot, taken.to);
      return taken;
    },
  },
} satisfies ProcedureTables;

export const idSlotTable: CopiedTable<IdSlotRow> = {
  table: "id_slot",
  columns: "slot, mark",
  key: [{ column: "slot", isInteger: true }],
  rowOf: (row) => ({ slot: numberOf(row, "slot"), mark: integerOf(row, "mark") }),
  valuesOf: ({ slot, mark }) => [slot, mark],
};
