import type { ClientKey, EntryRow, PageLimit } from "../../message/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { violatedConstraintOf } from "../../sqlite/sqlite-error.ts";
import { blobOf, integerOf, numberOf, type SqliteRow, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";
import { raiseHeadsOf } from "./head.worker.ts";

export const entrySchema = `
  CREATE TABLE entry (
    conversation_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    message_ordinal INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    sender_id TEXT NOT NULL,
    client_message_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    has_effects INTEGER NOT NULL,
    create_time_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX entry_seq ON entry (conversation_id, seq);
  CREATE UNIQUE INDEX entry_client ON entry (conversation_id, sender_id, client_message_id);
`;

const columns = `conversation_id, seq, epoch, message_ordinal, entry_id, sender_id, client_message_id, digest,
  has_effects, create_time_ms, bytes`;

const insertRow = `INSERT INTO entry (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const selectAfter = `SELECT ${columns} FROM entry
  WHERE conversation_id = ? AND seq > max(0, ?) ORDER BY seq LIMIT ?`;

const selectBefore = `SELECT ${columns} FROM entry
  WHERE conversation_id = ? AND seq < ? AND seq > 0 ORDER BY seq DESC LIMIT ?`;

const selectByClient = `SELECT ${columns} FROM entry
  WHERE conversation_id = ? AND sender_id = ? AND client_message_id = ?`;

const selectLast = `SELECT ${columns} FROM entry
  WHERE conversation_id = ? AND seq > 0 ORDER BY seq DESC LIMIT 1`;

/** Runs in the worker thread. */
export const entryProcedures = {
  reads: {
    entryReadAfter: (connection: Connection, argument: PageArgument): EntryRow[] =>
      readPage(connection, selectAfter, argument),

    entryReadBefore: (connection: Connection, argument: PageArgument): EntryRow[] =>
      readPage(connection, selectBefore, argument),

    entryReadByClientIds: (
      connection: Connection,
      argument: { readonly conversationId: string; readonly keys: readonly ClientKey[] },
    ): EntryRow[] => {
      const statement = connection.statement(selectByClient);
      return argument.keys.flatMap(({ senderId, clientMessageId }) => {
        const row = statement.get(argument.conversationId, senderId, clientMessageId);
        return row === undefined ? [] : [entryOf(row)];
      });
    },

    entryReadLast: (connection: Connection, conversationIds: readonly string[]): EntryRow[] => {
      const statement = connection.statement(selectLast);
      return conversationIds.flatMap((conversationId) => {
        const row = statement.get(conversationId);
        return row === undefined ? [] : [entryOf(row)];
      });
    },
  },
  writes: {
    /**
     * Inserts rows in their order and raises the heads of their conversations. Answers the index of the first row that
     * met a unique index, with the rows before it in place, or undefined when there was none.
     */
    entryAppend: (connection: Connection, rows: readonly EntryRow[]): number | undefined => {
      const duplicate = insertPrefix(connection, rows);
      raiseHeadsOf(connection, rows.slice(0, duplicate));
      return duplicate;
    },
  },
} satisfies ProcedureTables;

interface PageArgument {
  readonly conversationId: string;
  /** Exclusive. */
  readonly seq: bigint;
  readonly limit: PageLimit;
}

function insertPrefix(connection: Connection, rows: readonly EntryRow[]): number | undefined {
  const statement = connection.statement(insertRow);
  for (const [index, row] of rows.entries()) {
    try {
      statement.run(...valuesOf(row));
    } catch (thrown) {
      // Only a unique index is an outcome; anything else may have ended the transaction.
      if (violatedConstraintOf(thrown)?.startsWith("entry.conversation_id, ") !== true) throw thrown;
      return index;
    }
  }
  return undefined;
}

function valuesOf(row: EntryRow): (string | bigint | number | Uint8Array)[] {
  return [
    row.conversationId,
    row.seq,
    row.epoch,
    row.messageOrdinal,
    row.entryId,
    row.senderId,
    row.clientMessageId,
    row.digest,
    row.hasEffects ? 1 : 0,
    row.createTimeMs,
    row.bytes,
  ];
}

function readPage(
  connection: Connection,
  sql: string,
  { conversationId, seq, limit }: PageArgument,
): EntryRow[] {
  const page: EntryRow[] = [];
  let bytes = 0;
  for (const row of connection.statement(sql).iterate(conversationId, seq, limit.entriesMax)) {
    const entry = entryOf(row);
    page.push(entry);
    bytes += entry.bytes.length;
    if (bytes > limit.bytesMax) break;
  }
  return page;
}

function entryOf(row: SqliteRow): EntryRow {
  return {
    conversationId: textOf(row, "conversation_id"),
    seq: integerOf(row, "seq"),
    epoch: integerOf(row, "epoch"),
    messageOrdinal: integerOf(row, "message_ordinal"),
    entryId: integerOf(row, "entry_id"),
    senderId: textOf(row, "sender_id"),
    clientMessageId: textOf(row, "client_message_id"),
    digest: blobOf(row, "digest"),
    hasEffects: integerOf(row, "has_effects") !== 0n,
    createTimeMs: numberOf(row, "create_time_ms"),
    bytes: blobOf(row, "bytes"),
  };
}

export const entryTable: CopiedTable<EntryRow> = {
  table: "entry",
  columns,
  key: [{ column: "conversation_id" }, { column: "seq", isInteger: true }],
  rowOf: entryOf,
  valuesOf,
};
