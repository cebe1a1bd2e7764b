import type { PersonalRow, PersonalStore } from "../../message/ports.ts";

/** Personal rows in memory, for tests and the simulator. */
export function createMemoryPersonalStore(): PersonalStore {
  const rowsByAccount = new Map<string, Map<string, PersonalRow>>();

  function put(row: PersonalRow): void {
    const rows = rowsByAccount.get(row.accountId) ?? new Map<string, PersonalRow>();
    rowsByAccount.set(row.accountId, rows.set(row.conversationId, row));
  }

  function find(accountId: string, conversationId: string): PersonalRow | undefined {
    return rowsByAccount.get(accountId)?.get(conversationId);
  }

  return {
    read: async (accountId, conversationIds) =>
      [...new Set(conversationIds)].flatMap((conversationId) => find(accountId, conversationId) ?? []),

    async newestVersion(accountId) {
      const rows = rowsByAccount.get(accountId)?.values() ?? [].values();
      return rows.reduce((newest, row) => (row.version > newest ? row.version : newest), 0n);
    },

    async raiseReadCursors(rows) {
      for (const row of rows) {
        const stored = find(row.accountId, row.conversationId);
        if (stored === undefined) put({ ...row, muteEndMs: 0 });
        else if (row.readSeq > stored.readSeq || row.readOrdinal > stored.readOrdinal) {
          put({
            ...stored,
            readSeq: row.readSeq > stored.readSeq ? row.readSeq : stored.readSeq,
            readOrdinal: row.readOrdinal > stored.readOrdinal ? row.readOrdinal : stored.readOrdinal,
            version: row.version,
          });
        }
      }
    },

    async setMute(row) {
      const stored = find(row.accountId, row.conversationId);
      put({ readSeq: 0n, readOrdinal: 0n, ...stored, ...row });
    },
  };
}
