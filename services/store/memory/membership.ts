import type { GroupRow, MemberRow, MembershipCounts, MembershipStore } from "../../message/ports.ts";
import type { MemoryChanges } from "./change.ts";

/** Memberships and groups in memory, for tests and the simulator. What changes is noted in `changes`. */
export function createMemoryMembershipStore(changes?: MemoryChanges): MembershipStore & MembershipCounts {
  const groups = new Map<string, GroupRow>();
  /** By conversation, then by account. */
  const members = new Map<string, Map<string, MemberRow>>();
  const all = (): MemberRow[] => [...members.values()].flatMap((rows) => [...rows.values()]);

  return {
    ofConversation: async (conversationId) =>
      [...(members.get(conversationId)?.values() ?? [])].toSorted((one, other) =>
        one.accountId < other.accountId ? -1 : 1,
      ),
    ofAccount: async (accountId) => all().filter((row) => row.accountId === accountId),
    read: async (conversationIds, accountId) =>
      [...new Set(conversationIds)].flatMap((id) => members.get(id)?.get(accountId) ?? []),
    apply: async (rows) => {
      for (const row of rows) {
        const group = members.get(row.conversationId) ?? new Map<string, MemberRow>();
        members.set(row.conversationId, group);
        const before = group.get(row.accountId);
        if (before !== undefined && before.seenSeq >= row.seenSeq) continue;
        group.set(row.accountId, row);
        changes?.memberChanged(row);
      }
    },
    putGroup: async (row) => {
      if (!groups.has(row.conversationId)) groups.set(row.conversationId, row);
    },
    readGroups: async (conversationIds) =>
      [...new Set(conversationIds)].flatMap((id) => groups.get(id) ?? []),
    newestVersion: async (accountId) =>
      all().reduce(
        (newest, row) => (row.accountId === accountId && row.version > newest ? row.version : newest),
        0n,
      ),
    countOpen: async (accountIds) => {
      const counts = new Map<string, number>();
      for (const row of all()) {
        const isOpen = row.intervals.at(-1)?.to === undefined && row.intervals.length > 0;
        if (isOpen && accountIds.includes(row.accountId))
          counts.set(row.accountId, (counts.get(row.accountId) ?? 0) + 1);
      }
      return counts;
    },
  };
}
