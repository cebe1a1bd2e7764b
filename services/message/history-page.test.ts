import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { createMemoryEntryStore } from "../store/memory/entry.ts";
import { sees } from "./effects.ts";
import { intervalsAndHead } from "./fixtures/interval-arbitrary.ts";
import { type HistoryRequest, readEntryAt, readHistoryPage, shortReadsMax } from "./history-page.ts";
import type { EntryLogStore, EntryRow } from "./ports.ts";
import { visibleSpans } from "./visibility.ts";

const conversationId = "g-1";
const roomy = { entriesMax: 500, bytesMax: 1024 * 1024 };

function rowOf(seq: bigint, bytes: number): EntryRow {
  return {
    conversationId,
    seq,
    epoch: 1n,
    messageOrdinal: seq,
    entryId: seq,
    senderId: "alice",
    clientMessageId: `id ${seq}`,
    digest: new Uint8Array(),
    hasEffects: false,
    createTimeMs: 0,
    bytes: new Uint8Array(bytes),
  };
}

/** A log 1..head whose entries have these sizes, repeated as needed. */
async function logOf(head: bigint, sizes: readonly number[] = [10]): Promise<EntryLogStore> {
  const log = createMemoryEntryStore();
  for (let seq = 1n; seq <= head; seq += 1n) {
    await log.append([rowOf(seq, sizes[Number(seq) % sizes.length] ?? 10)]);
  }
  return log;
}

/** Follows `nextSeq` until there is no more; the rows of each page. */
async function walk(log: EntryLogStore, request: HistoryRequest): Promise<(readonly EntryRow[])[]> {
  const pages: (readonly EntryRow[])[] = [];
  let page = await readHistoryPage(log, request);
  pages.push(page.rows);
  while (page.hasMore) {
    expect(page.rows.length).toBeGreaterThan(0);
    page = await readHistoryPage(log, { ...request, seq: page.nextSeq });
    pages.push(page.rows);
  }
  return pages;
}

describe("pages of history", () => {
  test("put together are the visible entries, each once and in order, in both directions", async () => {
    const direction = fc.constantFrom("forward" as const, "backward" as const);
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    const limit = fc.record({
      entriesMax: fc.integer({ min: 1, max: 20 }),
      bytesMax: fc.integer({ min: 1, max: 120 }),
    });
    await fc.assert(
      fc.asyncProperty(intervalsAndHead, direction, sizes, limit, async (member, way, bytes, bounds) => {
        const spans = visibleSpans(member.intervals, member.head);
        const request = { conversationId, spans, direction: way, seq: 0n, limit: bounds };
        const pages = await walk(await logOf(member.head, bytes), request);
        const expected: bigint[] = [];
        for (let seq = 1n; seq <= member.head; seq += 1n) if (sees(member.intervals, seq)) expected.push(seq);
        const seqs = pages.flat().map((row) => row.seq);
        expect(seqs).toEqual(way === "forward" ? expected : expected.toReversed());
        for (const rows of pages) {
          expect(rows.length).toBeLessThanOrEqual(bounds.entriesMax);
          const total = rows.reduce((sum, row) => sum + row.bytes.length, 0);
          expect(rows.length === 1 || total <= bounds.bytesMax).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("start above or below the seq, which itself is left out", async () => {
    const spans = visibleSpans([{ from: 0n, to: undefined }], 9n);
    const request = { conversationId, spans, seq: 4n, limit: { entriesMax: 2, bytesMax: 1_000 } };
    const up = await readHistoryPage(await logOf(9n), { ...request, direction: "forward" });
    expect([up.rows.map((row) => row.seq), up.nextSeq, up.hasMore]).toEqual([[5n, 6n], 6n, true]);
    const down = await readHistoryPage(await logOf(9n), { ...request, direction: "backward" });
    expect([down.rows.map((row) => row.seq), down.nextSeq, down.hasMore]).toEqual([[3n, 2n], 2n, true]);
  });

  test("an empty page at the end keeps the position that was asked for", async () => {
    const spans = visibleSpans([{ from: 0n, to: undefined }], 3n);
    const request = { conversationId, spans, limit: roomy };
    const above = await readHistoryPage(await logOf(3n), { ...request, direction: "forward", seq: 3n });
    expect(above).toEqual({ rows: [], nextSeq: 3n, hasMore: false });
    const below = await readHistoryPage(await logOf(3n), { ...request, direction: "backward", seq: 1n });
    expect(below).toEqual({ rows: [], nextSeq: 1n, hasMore: false });
  });

  test("an entry that is larger than a page comes alone", async () => {
    const spans = visibleSpans([{ from: 0n, to: undefined }], 3n);
    const limit = { entriesMax: 10, bytesMax: 50 };
    const request = { conversationId, spans, direction: "forward", seq: 0n, limit } as const;
    const pages = await walk(await logOf(3n, [20, 20, 500]), request);
    expect(pages.map((rows) => rows.map((row) => row.seq))).toEqual([[1n], [2n], [3n]]);
  });

  test("entries that the store does not show yet are read again and never skipped", async () => {
    const log = await logOf(6n);
    let reads = 0;
    const late: EntryLogStore = {
      ...log,
      readAfter: async (id, afterSeq, limit) => {
        const rows = await log.readAfter(id, afterSeq, limit);
        reads += 1;
        // The first two reads lack entry 3, as a reader of a lagging majority would.
        return reads <= 2 ? rows.filter((row) => row.seq !== 3n) : rows;
      },
    };
    const spans = visibleSpans([{ from: 0n, to: undefined }], 6n);
    const request = { conversationId, spans, direction: "forward", seq: 0n, limit: roomy } as const;
    const page = await readHistoryPage(late, request);
    expect(page.rows.map((row) => row.seq)).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
    expect(reads).toBe(3);
  });

  test("a store that keeps hiding an entry is unavailable after a bounded number of reads", async () => {
    const log = await logOf(6n);
    let reads = 0;
    const broken: EntryLogStore = {
      ...log,
      readBefore: async (id, beforeSeq, limit) => {
        reads += 1;
        return (await log.readBefore(id, beforeSeq, limit)).filter((row) => row.seq !== 3n);
      },
    };
    const unavailable = { reason: ErrorReason.STORE_UNAVAILABLE, retryDelayMs: 1_000 };
    await expect(readEntryAt(broken, conversationId, 3n)).rejects.toMatchObject(unavailable);
    expect(reads).toBe(shortReadsMax + 1);
    const spans = visibleSpans([{ from: 0n, to: undefined }], 6n);
    const request = { conversationId, spans, direction: "backward", seq: 0n, limit: roomy } as const;
    await expect(readHistoryPage(broken, request)).rejects.toMatchObject(unavailable);
  });
});
