import type { EntryRow, HeadRow } from "../../message/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { nextMark } from "./change.worker.ts";
import { integerOf, numberOf, type SqliteRow, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const headSchema = `
  CREATE TABLE head (
    conversation_id TEXT NOT NULL PRIMARY KEY,
    head_seq INTEGER NOT NULL,
    message_ordinal INTEGER NOT NULL,
    applied_seq INTEGER NOT NULL,
    change_time_ms INTEGER NOT NULL,
    member_low TEXT NOT NULL,
    member_high TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX head_member_low ON head (member_low) WHERE member_low <> '';
  CREATE INDEX head_member_high ON head (member_high) WHERE member_high <> '';
`;

const columns = `conversation_id, head_seq, message_ordinal, applied_seq, change_time_ms, member_low, member_high`;

const selectRows = `SELECT ${columns} FROM head WHERE conversation_id IN (SELECT value FROM json_each(?))`;

// One branch for each index; the members of a row differ, so no row comes twice.
const selectDirect = `
  SELECT ${columns} FROM head WHERE member_low <> '' AND member_low = ?1
  UNION ALL
  SELECT ${columns} FROM head WHERE member_high <> '' AND member_high = ?1`;

const raiseRow = `
  INSERT INTO head (${columns}, change_mark) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (conversation_id) DO UPDATE SET
    head_seq = max(head_seq, excluded.head_seq),
    message_ordinal = max(message_ordinal, excluded.message_ordinal),
    applied_seq = max(applied_seq, excluded.applied_seq),
    change_time_ms = max(change_time_ms, excluded.change_time_ms),
    change_mark = excluded.change_mark
  WHERE excluded.head_seq > head_seq OR excluded.message_ordinal > message_ordinal
    OR excluded.applied_seq > applied_seq OR excluded.change_time_ms > change_time_ms`;

/** `applied_seq` moves along only where it stands right before the first entry: its prefix has no hole. */
const raiseAfterAppend = `
  INSERT INTO head (${columns}, change_mark)
  VALUES (:conversation, :head, :ordinal, iif(:before = 0, :applied, 0), :changed, :low, :high, :mark)
  ON CONFLICT (conversation_id) DO UPDATE SET
    head_seq = max(head_seq, :head),
    message_ordinal = max(message_ordinal, :ordinal),
    applied_seq = iif(applied_seq = :before, :applied, applied_seq),
    change_time_ms = max(change_time_ms, :changed),
    change_mark = :mark`;

/** Raises the heads rows of the conversations that these rows were appended to; void rows are in no conversation's log. */
export function raiseHeadsOf(connection: Connection, rows: readonly EntryRow[]): void {
  const runs = new Map<string, EntryRow[]>();
  for (const row of rows) {
    if (row.seq < 0n) continue;
    const run = runs.get(row.conversationId);
    if (run === undefined) runs.set(row.conversationId, [row]);
    else run.push(row);
  }
  if (runs.size === 0) return;
  const mark = nextMark(connection, "head");
  const statement = connection.statement(raiseAfterAppend);
  for (const [conversation, run] of runs) {
    const [low, high] = membersOf(conversation);
    statement.run({ conversation, low, high, mark, ...raiseOf(run) });
  }
}

/** What a run of entries, ascending and without a hole, does to the heads row. */
function raiseOf(run: readonly EntryRow[]): Record<string, bigint | number> {
  const before = (run[0]?.seq ?? 1n) - 1n;
  const last = run.at(-1);
  const withEffects = run.find((row) => row.hasEffects)?.seq;
  return {
    before,
    head: last?.seq ?? 0n,
    ordinal: last?.messageOrdinal ?? 0n,
    applied: withEffects === undefined ? (last?.seq ?? 0n) : withEffects - 1n,
    changed: Math.max(...run.map((row) => row.createTimeMs)),
  };
}

/** The members that the id of a direct conversation names (`d-<low>-<high>`); empty for groups. */
function membersOf(conversationId: string): readonly [string, string] {
  const [kind, low, high] = conversationId.split("-");
  return kind === "d" && low !== undefined && high !== undefined ? [low, high] : ["", ""];
}

/** Runs in the worker thread. */
export const headProcedures = {
  reads: {
    headRead: (connection: Connection, conversationIds: readonly string[]): HeadRow[] =>
      connection.statement(selectRows).all(JSON.stringify(conversationIds)).map(headOf),

    headListDirect: (connection: Connection, accountId: string): HeadRow[] =>
      connection.statement(selectDirect).all(accountId).map(headOf),
  },
  writes: {
    headRaise: (connection: Connection, rows: readonly HeadRow[]): void => {
      const mark = nextMark(connection, "head");
      const statement = connection.statement(raiseRow);
      for (const row of rows) statement.run(...valuesOf(row), mark);
    },
  },
} satisfies ProcedureTables;

function headOf(row: SqliteRow): HeadRow {
  return {
    conversationId: textOf(row, "conversation_id"),
    headSeq: integerOf(row, "head_seq"),
    messageOrdinal: integerOf(row, "message_ordinal"),
    appliedSeq: integerOf(row, "applied_seq"),
    changeTimeMs: numberOf(row, "change_time_ms"),
    memberLow: textOf(row, "member_low"),
    memberHigh: textOf(row, "member_high"),
  };
}

export const headTable: CopiedTable<HeadRow> = {
  table: "head",
  columns,
  key: [{ column: "conversation_id" }],
  rowOf: headOf,
  valuesOf,
  changeMark: (connection) => nextMark(connection, "head"),
};

function valuesOf(row: HeadRow) {
  const { conversationId, headSeq, messageOrdinal, appliedSeq, changeTimeMs, memberLow, memberHigh } = row;
  return [conversationId, headSeq, messageOrdinal, appliedSeq, changeTimeMs, memberLow, memberHigh];
}
