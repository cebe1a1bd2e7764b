import type { Connection, Migration, ProcedureTables } from "../../sqlite/procedures.ts";
import { firstEpochMark } from "../epoch-step.ts";
import type { EpochMark } from "../ports.ts";
import { lowestFreeSlot } from "./id-slots.ts";
import type { RowBeat } from "./row-observation.ts";

/** Forward only: what is here never changes, and new versions are added below. */
export const clusterMigrations: readonly Migration[] = [
  {
    version: 1,
    sql: `
      CREATE TABLE node (
        node_id TEXT PRIMARY KEY,
        incarnation TEXT NOT NULL,
        id_slot INTEGER NOT NULL UNIQUE CHECK (id_slot BETWEEN 0 AND 1022),
        beat INTEGER NOT NULL,
        record TEXT NOT NULL
      ) STRICT;
    `,
  },
  {
    version: 2,
    sql: `
      CREATE TABLE store_mark (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        tick INTEGER NOT NULL
      ) STRICT;
    `,
  },
];

const putMark = `
  INSERT INTO store_mark (id, epoch, tick) VALUES (1, ?, ?)
  ON CONFLICT (id) DO UPDATE SET epoch = max(epoch, excluded.epoch), tick = max(tick, excluded.tick)`;

/** A node as it is entered: `record` is its NodeRecord as text. */
export interface NodeEntry {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly record: string;
}

/** A row of the table. */
export interface NodeRow extends RowBeat {
  readonly record: string;
}

/** Runs in the worker thread. */
export const procedures = {
  reads: {
    /** The highest mark of the store that a node has told. */
    readMark: (connection: Connection): EpochMark => {
      const row = connection.statement("SELECT epoch, tick FROM store_mark").get();
      if (row === undefined) return firstEpochMark;
      return { epoch: BigInt(String(row["epoch"])), tick: BigInt(String(row["tick"])) };
    },
  },
  writes: {
    raiseMark: (connection: Connection, { epoch, tick }: EpochMark): void => {
      connection.statement(putMark).run(epoch, tick);
    },

    /** Answers the node's slot, or undefined when all of them are taken. A row of the same node keeps its slot. */
    register: (connection: Connection, entry: NodeEntry): number | undefined => {
      const kept = slotOf(connection, entry.nodeId);
      if (kept !== undefined) {
        connection
          .statement("UPDATE node SET incarnation = ?, beat = 1, record = ? WHERE node_id = ?")
          .run(entry.incarnation, entry.record, entry.nodeId);
        return kept;
      }
      const slot = lowestFreeSlot(takenSlots(connection));
      if (slot === undefined) return undefined;
      connection
        .statement("INSERT INTO node (node_id, incarnation, id_slot, beat, record) VALUES (?, ?, ?, 1, ?)")
        .run(entry.nodeId, entry.incarnation, slot, entry.record);
      return slot;
    },

    renew: (connection: Connection, entry: NodeEntry): "kept" | "lost" | "replaced" => {
      const { changes } = connection
        .statement("UPDATE node SET beat = beat + 1, record = ? WHERE node_id = ? AND incarnation = ?")
        .run(entry.record, entry.nodeId, entry.incarnation);
      if (Number(changes) > 0) return "kept";
      return slotOf(connection, entry.nodeId) === undefined ? "lost" : "replaced";
    },

    leave: (connection: Connection, entry: Pick<NodeEntry, "nodeId" | "incarnation">): void => {
      connection
        .statement("DELETE FROM node WHERE node_id = ? AND incarnation = ?")
        .run(entry.nodeId, entry.incarnation);
    },

    /**
     * Removes those of `dead` that have not moved, and answers all rows that are left. It is a write although it mostly
     * reads: while somebody keeps the file locked nobody's beat moves, and a reader that could look would call them dead.
     */
    look: (connection: Connection, dead: readonly RowBeat[]): { rows: NodeRow[]; removed: string[] } => {
      const removed = dead.filter((row) => removeUnmoved(connection, row)).map(({ nodeId }) => nodeId);
      const rows = connection
        .statement("SELECT node_id, incarnation, beat, record FROM node ORDER BY node_id")
        .all()
        .map((row) => ({
          nodeId: String(row["node_id"]),
          incarnation: String(row["incarnation"]),
          beat: BigInt(String(row["beat"])),
          record: String(row["record"]),
        }));
      return { rows, removed };
    },
  },
} satisfies ProcedureTables;

function slotOf(connection: Connection, nodeId: string): number | undefined {
  const row = connection.statement("SELECT id_slot FROM node WHERE node_id = ?").get(nodeId);
  return row === undefined ? undefined : Number(row["id_slot"]);
}

function takenSlots(connection: Connection): ReadonlySet<number> {
  const rows = connection.statement("SELECT id_slot FROM node").all();
  return new Set(rows.map((row) => Number(row["id_slot"])));
}

function removeUnmoved(connection: Connection, row: RowBeat): boolean {
  const { changes } = connection
    .statement("DELETE FROM node WHERE node_id = ? AND incarnation = ? AND beat = ?")
    .run(row.nodeId, row.incarnation, row.beat);
  return Number(changes) > 0;
}
