import type { EntryLogStore, EntryRow } from "../../message/ports.ts";

/**
 * Reads of a log as a primary answers them that is not asked for a majority: with `unsure` rows, which it has now and which
 * are gone when it is replaced. A page is limited by entries only.
 */
export function createLocalReads(
  log: EntryLogStore,
  unsure: (conversationId: string) => readonly EntryRow[],
): Omit<EntryLogStore, "append"> {
  const merged = (id: string, rows: readonly EntryRow[], also: (row: EntryRow) => boolean): EntryRow[] =>
    [...rows, ...unsure(id).filter((row) => row.seq > 0n && also(row))].sort((one, other) =>
      Number(one.seq - other.seq),
    );
  return {
    readAfter: async (id, afterSeq, limit) => {
      const rows = await log.readAfter(id, afterSeq, limit);
      return merged(id, rows, ({ seq }) => seq > afterSeq).slice(0, limit.entriesMax);
    },
    readBefore: async (id, beforeSeq, limit) => {
      const rows = await log.readBefore(id, beforeSeq, limit);
      return merged(id, rows, ({ seq }) => seq < beforeSeq)
        .toReversed()
        .slice(0, limit.entriesMax);
    },
    readByClientIds: async (id, keys) => {
      const isAsked = (row: EntryRow): boolean =>
        keys.some((key) => key.senderId === row.senderId && key.clientMessageId === row.clientMessageId);
      return [...(await log.readByClientIds(id, keys)), ...unsure(id).filter(isAsked)];
    },
    readLast: async (ids) => {
      const rows = await log.readLast(ids);
      return ids.flatMap((id) => {
        const own = rows.filter(({ conversationId }) => conversationId === id);
        return merged(id, own, () => true).slice(-1);
      });
    },
  };
}
