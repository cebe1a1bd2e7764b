import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { ClientKey, EntryLogStore, EntryRow } from "./ports.ts";

/** One read of the log: 500 rows, or 1 MiB. */
export const readPage = { entriesMax: 500, bytesMax: 1024 * 1024 } as const;

/** How often a page that does not begin where it should is read again at once. */
const holeReadsMax = 3;

/** What the log holds beyond what an owner knew. */
export interface ReadBack {
  /** The entries above the owner's last one, ascending, without a hole. */
  readonly rows: readonly EntryRow[];
  /** The rows, void ones included, that have taken one of the ids asked for. */
  readonly taken: readonly EntryRow[];
}

/**
 * Reads what lies above `last`, and who took the ids. The ids are read first, so that every entry found by its id is
 * among the rows or below them. Rejects as the store does.
 */
export async function readBack(
  entries: EntryLogStore,
  conversationId: string,
  last: bigint,
  keys: readonly ClientKey[],
): Promise<ReadBack> {
  const taken = keys.length === 0 ? [] : await entries.readByClientIds(conversationId, keys);
  const rows: EntryRow[] = [];
  for await (const page of pagesAfter(entries, conversationId, last)) rows.push(...page);
  return { rows, taken };
}

/** The entries above `last` in contiguous pages. A page with a hole is used up to it and read again from there. */
export async function* pagesAfter(
  entries: EntryLogStore,
  conversationId: string,
  last: bigint,
): AsyncGenerator<readonly EntryRow[]> {
  let holeReads = 0;
  for (let seq = last; ; ) {
    const read = await entries.readAfter(conversationId, seq, readPage);
    if (read.length === 0) return;
    const page = read.filter((row, index) => row.seq === seq + BigInt(index) + 1n);
    if (page.length === 0) {
      holeReads += 1;
      if (holeReads >= holeReadsMax) throw hole(conversationId, seq + 1n);
      continue;
    }
    holeReads = 0;
    seq += BigInt(page.length);
    yield page;
  }
}

function hole(conversationId: string, seq: bigint): Fault {
  const message = `The store shows entries of ${conversationId} above ${seq}, but not that one`;
  return new Fault(ErrorReason.STORE_UNAVAILABLE, message, { retryDelayMs: 1_000 });
}
