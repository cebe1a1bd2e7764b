import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { EntryLogStore, EntryRow, PageLimit } from "./ports.ts";
import { firstSpanAbove, lastSpanBelow, newestVisibleSeq, type Span } from "./visibility.ts";

/** How often in a row a read may lack entries that must be there, before the page is given up. */
export const shortReadsMax = 3;

/** What clients are told to wait when the store does not show what it holds, in milliseconds. */
const retryDelayMs = 1_000;

/** Which page of one conversation, for an account that sees `spans` of it. */
export interface HistoryRequest {
  readonly conversationId: string;
  readonly spans: readonly Span[];
  readonly direction: "forward" | "backward";
  /** Exclusive. 0: from the first entry, or from the newest one when going backward. */
  readonly seq: bigint;
  /** At most this much; one row always fits. */
  readonly limit: PageLimit;
}

export interface HistoryPage {
  /** In the order asked for. */
  readonly rows: readonly EntryRow[];
  /** `seq` of the request for the next page in this direction. */
  readonly nextSeq: bigint;
  /** There is more that the account may see in this direction. */
  readonly hasMore: boolean;
}

/**
 * Reads a page of what the account may see. It goes on over contiguous entries only: what the store does not show
 * yet is read again, never skipped. Throws Fault STORE_UNAVAILABLE when it stays away.
 */
export async function readHistoryPage(log: EntryLogStore, request: HistoryRequest): Promise<HistoryPage> {
  const { spans, limit } = request;
  const rows: EntryRow[] = [];
  let bytes = 0;
  let shortReads = 0;
  let seq = startOf(request);
  for (let span = nextSpan(request, seq); span !== undefined; span = nextSpan(request, seq)) {
    const left = { entriesMax: limit.entriesMax - rows.length, bytesMax: limit.bytesMax - bytes };
    if (left.entriesMax <= 0 || left.bytesMax <= 0) break;
    const read = await readRun(log, request, span, left);
    shortReads = read.length === 0 ? shortReads + 1 : 0;
    if (shortReads > shortReadsMax) throw missingEntries();
    const fitting = rowsWithin(read, left.bytesMax, rows.length === 0);
    for (const row of fitting) {
      rows.push(row);
      bytes += row.bytes.length;
      seq = row.seq;
    }
    if (fitting.length < read.length) break;
  }
  const nextSeq = rows.at(-1)?.seq ?? request.seq;
  return { rows, nextSeq, hasMore: spans.length > 0 && nextSpan(request, seq) !== undefined };
}

function startOf({ direction, seq, spans }: HistoryRequest): bigint {
  return direction === "backward" && seq === 0n ? newestVisibleSeq(spans) + 1n : seq;
}

function nextSpan({ direction, spans }: HistoryRequest, seq: bigint): Span | undefined {
  return direction === "forward" ? firstSpanAbove(spans, seq) : lastSpanBelow(spans, seq);
}

/** The contiguous rows at the near end of `span`. */
async function readRun(
  log: EntryLogStore,
  { conversationId, direction }: HistoryRequest,
  span: Span,
  left: PageLimit,
): Promise<readonly EntryRow[]> {
  const entriesMax = Math.min(left.entriesMax, Number(span.high - span.low));
  const limit = { entriesMax, bytesMax: left.bytesMax };
  const forward = direction === "forward";
  const rows = forward
    ? await log.readAfter(conversationId, span.low, limit)
    : await log.readBefore(conversationId, span.high + 1n, limit);
  const gap = rows.findIndex((row, index) => {
    const steps = BigInt(index);
    return row.seq !== (forward ? span.low + 1n + steps : span.high - steps);
  });
  return gap === -1 ? rows : rows.slice(0, gap);
}

/** The rows before the one that passes `bytesMax`; with `admitOne` at least the first. */
function rowsWithin(rows: readonly EntryRow[], bytesMax: number, admitOne: boolean): readonly EntryRow[] {
  let bytes = 0;
  const over = rows.findIndex((row, index) => {
    bytes += row.bytes.length;
    return bytes > bytesMax && !(admitOne && index === 0);
  });
  return over === -1 ? rows : rows.slice(0, over);
}

function missingEntries(): Fault {
  const message = "the store does not show entries that were committed: try again later";
  return new Fault(ErrorReason.STORE_UNAVAILABLE, message, { retryDelayMs });
}

/** The entry at `seq`, which must exist. Throws Fault STORE_UNAVAILABLE when the store does not show it. */
export async function readEntryAt(
  log: EntryLogStore,
  conversationId: string,
  seq: bigint,
): Promise<EntryRow> {
  for (let reads = 0; reads <= shortReadsMax; reads += 1) {
    const [row] = await log.readBefore(conversationId, seq + 1n, { entriesMax: 1, bytesMax: 1 });
    if (row?.seq === seq) return row;
  }
  throw missingEntries();
}
