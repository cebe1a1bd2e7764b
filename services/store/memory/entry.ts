import type { EntryLogStore, EntryRow, PageLimit } from "../../message/ports.ts";

interface MemoryLog {
  /** Ascending by seq. Nothing here prevents holes, as no store does: that is the appenders' duty. */
  readonly rows: EntryRow[];
  readonly seqs: Set<bigint>;
  /** Rows by sender and client message id, void ones included. */
  readonly byClient: Map<string, EntryRow>;
}

/** Entries in memory, for tests and the simulator. It has no heads rows, so it never raises any. */
export function createMemoryEntryStore(): EntryLogStore {
  const logs = new Map<string, MemoryLog>();
  const emptyLog = (): MemoryLog => ({ rows: [], seqs: new Set(), byClient: new Map() });
  const logOf = (conversationId: string): MemoryLog => logs.get(conversationId) ?? emptyLog();

  return {
    append: async (rows) => {
      for (const [index, row] of rows.entries()) {
        const log = logOf(row.conversationId);
        logs.set(row.conversationId, log);
        if (!insert(log, row)) return { kind: "duplicate", index, headsRaised: false };
      }
      return { kind: "committed", headsRaised: false };
    },
    readAfter: async (conversationId, afterSeq, limit) => {
      const { rows } = logOf(conversationId);
      return page(rows.slice(firstAbove(rows, afterSeq)), limit);
    },
    readBefore: async (conversationId, beforeSeq, limit) => {
      const { rows } = logOf(conversationId);
      return page(rows.slice(0, firstAbove(rows, beforeSeq - 1n)).toReversed(), limit);
    },
    readByClientIds: async (conversationId, keys) =>
      keys.flatMap((key) => logOf(conversationId).byClient.get(textOf(key)) ?? []),
    readLast: async (conversationIds) => conversationIds.flatMap((id) => logOf(id).rows.at(-1) ?? []),
  };
}

/** False when the row meets a unique index. */
function insert(log: MemoryLog, row: EntryRow): boolean {
  if (log.seqs.has(row.seq) || log.byClient.has(textOf(row))) return false;
  log.seqs.add(row.seq);
  log.byClient.set(textOf(row), row);
  if (row.seq > 0n) log.rows.splice(firstAbove(log.rows, row.seq), 0, row);
  return true;
}

/** The index of the first row with a seq above `seq`, by bisection. */
function firstAbove(rows: readonly EntryRow[], seq: bigint): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.seq ?? 0n) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}

function page(rows: readonly EntryRow[], { entriesMax, bytesMax }: PageLimit): EntryRow[] {
  let bytes = 0;
  const end = rows.findIndex((row) => (bytes += row.bytes.length) > bytesMax);
  return rows.slice(0, Math.min(entriesMax, end === -1 ? rows.length : end + 1));
}

function textOf(key: { readonly senderId: string; readonly clientMessageId: string }): string {
  return `${key.senderId}/${key.clientMessageId}`;
}
