import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import type { EpochHeadRow } from "../copy/collections.ts";
import { integerOf, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const epochHeadSchema = `
  CREATE TABLE epoch_head (
    conversation_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    head INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, epoch)
  ) STRICT, WITHOUT ROWID;
`;

const record = `
  INSERT INTO epoch_head (conversation_id, epoch, head) VALUES (?, ?, ?)
  ON CONFLICT (conversation_id, epoch) DO NOTHING`;

const lowestAbove = `
  SELECT conversation_id, min(head) AS head FROM epoch_head
  WHERE conversation_id IN (SELECT value FROM json_each(?)) AND epoch > ?
  GROUP BY conversation_id`;

/** Runs in the worker thread. */
export const epochHeadProcedures = {
  reads: {
    epochHeadLowestAbove: (
      connection: Connection,
      asked: { readonly conversationIds: readonly string[]; readonly epoch: bigint },
    ): ReadonlyMap<string, bigint> => {
      const rows = connection.statement(lowestAbove).all(JSON.stringify(asked.conversationIds), asked.epoch);
      return new Map(rows.map((row) => [textOf(row, "conversation_id"), integerOf(row, "head")]));
    },
  },
  writes: {
    epochHeadRecord: (
      connection: Connection,
      row: { readonly conversationId: string; readonly epoch: bigint; readonly head: bigint },
    ): void => {
      connection.statement(record).run(row.conversationId, row.epoch, row.head);
    },
  },
} satisfies ProcedureTables;

export const epochHeadTable: CopiedTable<EpochHeadRow> = {
  table: "epoch_head",
  columns: "conversation_id, epoch, head",
  key: [{ column: "conversation_id" }, { column: "epoch", isInteger: true }],
  rowOf: (row) => ({
    conversationId: textOf(row, "conversation_id"),
    epoch: integerOf(row, "epoch"),
    head: integerOf(row, "head"),
  }),
  valuesOf: ({ conversationId, epoch, head }) => [conversationId, epoch, head],
};
