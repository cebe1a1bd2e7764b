import type { HeadChange, MemberChange } from "../../message/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { integerOf, type SqliteRow, textOf } from "./column.ts";

/**
 * Every change of a heads or membership row gives it a mark above all marks of its table. There is one writer at a time,
 * so marks become visible in their order: who has seen a mark has seen all below it. Rows from before have mark 0. Rows
 * are never deleted; if the newest one were, its mark would be given out twice.
 */
export const changeSchema = `
  ALTER TABLE head ADD COLUMN change_mark INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX head_change
    ON head (change_mark, conversation_id, head_seq, applied_seq, member_low, member_high);
  ALTER TABLE membership ADD COLUMN change_mark INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX membership_change ON membership (change_mark, conversation_id, account_id, seen_seq);
`;

type MarkedTable = "head" | "membership";

/** Where a look at both tables goes on. */
export interface ChangeMarks {
  readonly head: bigint;
  readonly membership: bigint;
}

/** What a look found. */
export interface ChangesSince {
  readonly heads: readonly HeadChange[];
  readonly members: readonly MemberChange[];
  readonly marks: ChangeMarks;
  readonly more: boolean;
}

/** The mark for the rows that a write is about to change; all rows of one call share it. */
export function nextMark(connection: Connection, table: MarkedTable): bigint {
  return newestMark(connection, table) + 1n;
}

function newestMark(connection: Connection, table: MarkedTable): bigint {
  const row = connection.statement(`SELECT coalesce(max(change_mark), 0) AS mark FROM ${table}`).get();
  return row === undefined ? 0n : integerOf(row, "mark");
}

/** Runs in the worker thread. */
export const changeProcedures = {
  reads: {
    changeMarks: (connection: Connection): ChangeMarks => ({
      head: newestMark(connection, "head"),
      membership: newestMark(connection, "membership"),
    }),

    /** About `rowsMax` rows: each table gets half of them and what the other one leaves, and a mark is never split. */
    changesSince: (
      connection: Connection,
      { marks, rowsMax }: { readonly marks: ChangeMarks; readonly rowsMax: number },
    ): ChangesSince => {
      const half = Math.ceil(rowsMax / 2);
      const heads = readTable(connection, "head", { since: marks.head, rowsMax: half });
      const rest = Math.max(1, rowsMax - Math.min(heads.rows.length, half));
      const members = readTable(connection, "membership", { since: marks.membership, rowsMax: rest });
      return {
        heads: heads.rows.map(headChangeOf),
        members: members.rows.map(memberChangeOf),
        marks: { head: heads.mark, membership: members.mark },
        more: heads.more || members.more,
      };
    },
  },
  writes: {},
} satisfies ProcedureTables;

const columns = {
  head: "conversation_id, head_seq, applied_seq, member_low, member_high",
  membership: "conversation_id, account_id, seen_seq",
} as const;

/** The rows above a mark, up to the mark at which there are `rowsMax` of them. */
function readTable(
  connection: Connection,
  table: MarkedTable,
  { since, rowsMax }: { readonly since: bigint; readonly rowsMax: number },
) {
  const newest = newestMark(connection, table);
  // A mark above all others is of a store that was restored since: anything may be different.
  const from = since > newest ? 0n : since;
  const cut = connection
    .statement(`SELECT change_mark FROM ${table} WHERE change_mark > ? ORDER BY change_mark LIMIT 1 OFFSET ?`)
    .get(from, rowsMax - 1);
  const mark = cut === undefined ? newest : integerOf(cut, "change_mark");
  const rows = connection
    .statement(`SELECT ${columns[table]} FROM ${table} WHERE change_mark > ? AND change_mark <= ?`)
    .all(from, mark);
  return { rows, mark, more: mark < newest };
}

function headChangeOf(row: SqliteRow): HeadChange {
  return {
    conversationId: textOf(row, "conversation_id"),
    headSeq: integerOf(row, "head_seq"),
    appliedSeq: integerOf(row, "applied_seq"),
    memberLow: textOf(row, "member_low"),
    memberHigh: textOf(row, "member_high"),
  };
}

function memberChangeOf(row: SqliteRow): MemberChange {
  return {
    conversationId: textOf(row, "conversation_id"),
    accountId: textOf(row, "account_id"),
    seenSeq: integerOf(row, "seen_seq"),
  };
}
