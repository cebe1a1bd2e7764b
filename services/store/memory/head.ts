import type { HeadRow, HeadStore } from "../../message/ports.ts";
import type { MemoryChanges } from "./change.ts";

/** Heads rows in memory, for tests and the simulator. What changes is noted in `changes`. */
export function createMemoryHeadStore(changes?: MemoryChanges): HeadStore {
  const rows = new Map<string, HeadRow>();
  return {
    read: async (conversationIds) => [...new Set(conversationIds)].flatMap((id) => rows.get(id) ?? []),
    raise: async (raised) => {
      for (const given of raised) {
        const before = rows.get(given.conversationId);
        const row = merge(before, given);
        rows.set(row.conversationId, row);
        const isMoved = row.headSeq !== before?.headSeq || row.appliedSeq !== before.appliedSeq;
        if (isMoved) changes?.headChanged(row);
      }
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
