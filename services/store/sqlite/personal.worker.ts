import type { PersonalRow } from "../../message/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { integerOf, numberOf, type SqliteRow, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const personalSchema = `
  CREATE TABLE personal (
    account_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    read_seq INTEGER NOT NULL,
    read_ordinal INTEGER NOT NULL,
    mute_end_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account_id, conversation_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX personal_version ON personal (account_id, version);
`;

const selectRows = `
  SELECT account_id, conversation_id, read_seq, read_ordinal, mute_end_ms, version FROM personal
  WHERE account_id = ? AND conversation_id IN (SELECT value FROM json_each(?))`;

const selectNewestVersion = "SELECT version FROM personal WHERE account_id = ? ORDER BY version DESC LIMIT 1";

const raiseCursor = `
  INSERT INTO personal (account_id, conversation_id, read_seq, read_ordinal, mute_end_ms, version)
  VALUES (?, ?, ?, ?, 0, ?)
  ON CONFLICT (account_id, conversation_id) DO UPDATE SET
    read_seq = max(read_seq, excluded.read_seq),
    read_ordinal = max(read_ordinal, excluded.read_ordinal),
    version = excluded.version
  WHERE excluded.read_seq > read_seq OR excluded.read_ordinal > read_ordinal`;

const putMute = `
  INSERT INTO personal (account_id, conversation_id, read_seq, read_ordinal, mute_end_ms, version)
  VALUES (?, ?, 0, 0, ?, ?)
  ON CONFLICT (account_id, conversation_id) DO UPDATE SET
    mute_end_ms = excluded.mute_end_ms,
    version = excluded.version`;

/** Runs in the worker thread. */
export const personalProcedures = {
  reads: {
    personalRead: (
      connection: Connection,
      argument: { readonly accountId: string; readonly conversationIds: readonly string[] },
    ): PersonalRow[] =>
      connection
        .statement(selectRows)
        .all(argument.accountId, JSON.stringify(argument.conversationIds))
        .map(rowOf),

    personalNewestVersion: (connection: Connection, accountId: string): bigint => {
      const row = connection.statement(selectNewestVersion).get(accountId);
      return row === undefined ? 0n : integerOf(row, "version");
    },
  },
  writes: {
    personalRaiseReadCursors: (
      connection: Connection,
      rows: readonly Omit<PersonalRow, "muteEndMs">[],
    ): void => {
      const statement = connection.statement(raiseCursor);
      for (const row of rows) {
        statement.run(row.accountId, row.conversationId, row.readSeq, row.readOrdinal, row.version);
      }
    },

    personalSetMute: (
      connection: Connection,
      row: Pick<PersonalRow, "accountId" | "conversationId" | "muteEndMs" | "version">,
    ): void => {
      connection.statement(putMute).run(row.accountId, row.conversationId, row.muteEndMs, row.version);
    },
  },
} satisfies ProcedureTables;

function rowOf(row: SqliteRow): PersonalRow {
  return {
    accountId: textOf(row, "account_id"),
    conversationId: textOf(row, "conversation_id"),
    readSeq: integerOf(row, "read_seq"),
    readOrdinal: integerOf(row, "read_ordinal"),
    muteEndMs: numberOf(row, "mute_end_ms"),
    version: integerOf(row, "version"),
  };
}

export const personalTable: CopiedTable<PersonalRow> = {
  table: "personal",
  columns: "account_id, conversation_id, read_seq, read_ordinal, mute_end_ms, version",
  key: [{ column: "account_id" }, { column: "conversation_id" }],
  rowOf,
  valuesOf: (row) => [
    row.accountId,
    row.conversationId,
    row.readSeq,
    row.readOrdinal,
    row.muteEndMs,
    row.version,
  ],
};
