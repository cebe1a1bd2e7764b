import type { EpochMark, StoreMark } from "../../mesh/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { integerOf, textOf } from "./column.ts";
import type { TableCopy } from "./copied-table.ts";

/** Has its only row from the beginning, so that a compare-and-set is one update. */
export const epochMarkSchema = `
  CREATE TABLE epoch_mark (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    tick INTEGER NOT NULL,
    lineage TEXT NOT NULL
  ) STRICT;
  INSERT INTO epoch_mark (id, epoch, tick, lineage) VALUES (1, 1, 0, '1');
`;

const raise =
  "UPDATE epoch_mark SET epoch = ?, tick = ?, lineage = ? WHERE id = 1 AND epoch = ? AND tick = ?";

/** Runs in the worker thread. */
export const epochMarkProcedures = {
  reads: {
    epochMarkRead: readMark,
  },
  writes: {
    epochMarkRaise: (
      connection: Connection,
      { from, to }: { readonly from: EpochMark; readonly to: StoreMark },
    ): boolean => {
      const { changes } = connection
        .statement(raise)
        .run(to.epoch, to.tick, to.lineage.join(), from.epoch, from.tick);
      return Number(changes) > 0;
    },
  },
} satisfies ProcedureTables;

function readMark(connection: Connection): StoreMark {
  const row = connection.statement("SELECT epoch, tick, lineage FROM epoch_mark WHERE id = 1").get();
  if (row === undefined) throw new Error("the store has no epoch mark");
  const lineage = textOf(row, "lineage").split(",").map(BigInt);
  return { epoch: integerOf(row, "epoch"), tick: integerOf(row, "tick"), lineage };
}

/** The row that is there from the beginning counts as none: not every kind of store has it. */
export const epochMarkCopy: TableCopy<StoreMark> = {
  page: (connection, after) => {
    const mark = readMark(connection);
    return after !== undefined || (mark.epoch === 1n && mark.tick === 0n) ? [] : [mark];
  },
  write: (connection, rows) => {
    const put = "UPDATE epoch_mark SET epoch = ?, tick = ?, lineage = ? WHERE id = 1";
    for (const { epoch, tick, lineage } of rows) connection.statement(put).run(epoch, tick, lineage.join());
  },
  count: () => 1,
};
