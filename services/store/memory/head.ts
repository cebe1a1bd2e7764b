import type { HeadRow, HeadStore } from "../../message/ports.ts";

/** Heads rows in memory, for tests and the simulator. */
export function createMemoryHeadStore(): HeadStore {
  const rows = new Map<string, HeadRow>();
  return {
    read: async (conversationIds) => [...new Set(conversationIds)].flatMap((id) => rows.get(id) ?? []),
    raise: async (raised) => {
      for (const row of raised) rows.set(row.conversationId, merge(rows.get(row.conversationId), row));
    },
    listDirect: async (accountId) =>
      [...rows.values()].filter(
        (row) => row.memberLow !== "" && (row.memberLow === accountId || row.memberHigh === accountId),
      ),
  };
}

function merge(before: HeadRow | undefined, row: HeadRow): HeadRow {
  if (before === undefined) return row;
  return {
    ...before,
    headSeq: larger(before.headSeq, row.headSeq),
    messageOrdinal: larger(before.messageOrdinal, row.messageOrdinal),
    appliedSeq: larger(before.appliedSeq, row.appliedSeq),
    changeTimeMs: Math.max(before.changeTimeMs, row.changeTimeMs),
  };
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
