import type { GroupRow, MemberInterval, MemberRow, Role } from "../../message/ports.ts";
import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import { nextMark } from "./change.worker.ts";
import { integerOf, numberOf, type SqliteRow, textOf } from "./column.ts";
import type { CopiedTable } from "./copied-table.ts";

export const membershipSchema = `
  CREATE TABLE membership (
    conversation_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    -- "from-to" by commas, the last "to" empty while the interval is open.
    intervals TEXT NOT NULL,
    -- 1 while the last interval is open.
    is_open INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
    seen_seq INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, account_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX membership_account ON membership (account_id, is_open);
  CREATE TABLE conversation_group (
    conversation_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    create_time_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Finds an account's newest version without reading its rows. */
export const membershipVersionSchema = `
  CREATE INDEX membership_version ON membership (account_id, version);
`;

const columns = "conversation_id, account_id, intervals, is_open, role, seen_seq, version";

const selectOfConversation = `SELECT ${columns} FROM membership WHERE conversation_id = ? ORDER BY account_id`;

const selectOfAccount = `SELECT ${columns} FROM membership WHERE account_id = ?`;

const selectRows = `SELECT ${columns} FROM membership
  WHERE account_id = ? AND conversation_id IN (SELECT value FROM json_each(?))`;

const selectNewestVersion =
  "SELECT version FROM membership WHERE account_id = ? ORDER BY version DESC LIMIT 1";

const countOpen = "SELECT count(*) AS groups FROM membership WHERE account_id = ? AND is_open = 1";

const putRow = `
  INSERT INTO membership (${columns}, change_mark) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (conversation_id, account_id) DO UPDATE SET
    intervals = excluded.intervals,
    is_open = excluded.is_open,
    role = excluded.role,
    seen_seq = excluded.seen_seq,
    version = excluded.version,
    change_mark = excluded.change_mark
  WHERE seen_seq < excluded.seen_seq`;

const putGroup = `INSERT INTO conversation_group (conversation_id, name, create_time_ms) VALUES (?, ?, ?)
  ON CONFLICT (conversation_id) DO NOTHING`;

const selectGroups = `SELECT conversation_id, name, create_time_ms FROM conversation_group
  WHERE conversation_id IN (SELECT value FROM json_each(?))`;

/** Runs in the worker thread. */
export const membershipProcedures = {
  reads: {
    membershipOfConversation: (connection: Connection, conversationId: string): MemberRow[] =>
      connection.statement(selectOfConversation).all(conversationId).map(memberOf),

    membershipOfAccount: (connection: Connection, accountId: string): MemberRow[] =>
      connection.statement(selectOfAccount).all(accountId).map(memberOf),

    membershipRead: (
      connection: Connection,
      argument: { readonly conversationIds: readonly string[]; readonly accountId: string },
    ): MemberRow[] =>
      connection
        .statement(selectRows)
        .all(argument.accountId, JSON.stringify(argument.conversationIds))
        .map(memberOf),

    membershipNewestVersion: (connection: Connection, accountId: string): bigint => {
      const row = connection.statement(selectNewestVersion).get(accountId);
      return row === undefined ? 0n : integerOf(row, "version");
    },

    membershipCountOpen: (connection: Connection, accountIds: readonly string[]): Map<string, number> => {
      const statement = connection.statement(countOpen);
      const counts = accountIds.map((accountId): [string, number] => {
        const row = statement.get(accountId);
        return [accountId, row === undefined ? 0 : numberOf(row, "groups")];
      });
      return new Map(counts);
    },

    membershipReadGroups: (connection: Connection, conversationIds: readonly string[]): GroupRow[] =>
      connection.statement(selectGroups).all(JSON.stringify(conversationIds)).map(groupOf),
  },
  writes: {
    membershipApply: (connection: Connection, rows: readonly MemberRow[]): void => {
      const mark = nextMark(connection, "membership");
      const statement = connection.statement(putRow);
      for (const row of rows) statement.run(...valuesOf(row), mark);
    },

    membershipPutGroup: (connection: Connection, row: GroupRow): void => {
      connection.statement(putGroup).run(row.conversationId, row.name, row.createTimeMs);
    },
  },
} satisfies ProcedureTables;

function memberOf(row: SqliteRow): MemberRow {
  return {
    conversationId: textOf(row, "conversation_id"),
    accountId: textOf(row, "account_id"),
    intervals: readIntervals(textOf(row, "intervals")),
    role: roleOf(textOf(row, "role")),
    seenSeq: integerOf(row, "seen_seq"),
    version: integerOf(row, "version"),
  };
}

function writeIntervals(intervals: readonly MemberInterval[]): string {
  return intervals.map(({ from, to }) => `${from}-${to ?? ""}`).join(",");
}

function readIntervals(text: string): MemberInterval[] {
  if (text === "") return [];
  return text.split(",").map((interval) => {
    const [from = "", to = ""] = interval.split("-");
    return { from: BigInt(from), to: to === "" ? undefined : BigInt(to) };
  });
}

function roleOf(text: string): Role {
  return text === "owner" ? "owner" : "member";
}

function isOpen(intervals: readonly MemberInterval[]): boolean {
  return intervals.length > 0 && intervals.at(-1)?.to === undefined;
}

function valuesOf({ conversationId, accountId, intervals, role, seenSeq, version }: MemberRow) {
  const text = writeIntervals(intervals);
  return [conversationId, accountId, text, isOpen(intervals) ? 1 : 0, role, seenSeq, version];
}

function groupOf(row: SqliteRow): GroupRow {
  return {
    conversationId: textOf(row, "conversation_id"),
    name: textOf(row, "name"),
    createTimeMs: numberOf(row, "create_time_ms"),
  };
}

export const membershipTable: CopiedTable<MemberRow> = {
  table: "membership",
  columns,
  key: [{ column: "conversation_id" }, { column: "account_id" }],
  rowOf: memberOf,
  valuesOf,
  changeMark: (connection) => nextMark(connection, "membership"),
};

export const groupTable: CopiedTable<GroupRow> = {
  table: "conversation_group",
  columns: "conversation_id, name, create_time_ms",
  key: [{ column: "conversation_id" }],
  rowOf: groupOf,
  valuesOf: ({ conversationId, name, createTimeMs }) => [conversationId, name, createTimeMs],
};
