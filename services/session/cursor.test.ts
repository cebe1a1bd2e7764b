import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  closeAt,
  countVisible,
  everything,
  type Intervals,
  internIntervals,
  isOpen,
  lastVisible,
  nextVisible,
  placeCursor,
} from "./cursor.ts";

/** Ascending intervals without overlap; the last one may be open. They may touch: removed at 5, added at 6. */
const intervalsArbitrary: fc.Arbitrary<Intervals> = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 5 })), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([steps, open]) => {
    let end = 0;
    return steps.map(([gap, length], index) => {
      const from = end + gap;
      end = from + length;
      return { from: BigInt(from), to: open && index === steps.length - 1 ? undefined : BigInt(end) };
    });
  });
const seqArbitrary = fc.integer({ min: 0, max: 40 }).map(BigInt);

/** The definition: a member sees from < seq <= to. */
function visibleSeqs(intervals: Intervals, low: bigint, high: bigint): bigint[] {
  const seqs: bigint[] = [];
  for (let seq = low + 1n; seq <= high; seq += 1n) {
    if (intervals.some(({ from, to }) => from < seq && (to === undefined || seq <= to))) seqs.push(seq);
  }
  return seqs;
}

describe("what a member sees", () => {
  test("the next, the last and the number of visible entries are those of the definition", () => {
    fc.assert(
      fc.property(intervalsArbitrary, seqArbitrary, seqArbitrary, (intervals, after, head) => {
        expect(nextVisible(intervals, after)).toBe(visibleSeqs(intervals, after, 60n)[0]);
        expect(lastVisible(intervals, head)).toBe(visibleSeqs(intervals, 0n, head).at(-1) ?? 0n);
        expect(countVisible(intervals, after, head)).toBe(BigInt(visibleSeqs(intervals, after, head).length));
      }),
    );
  });

  test("stepping from one visible entry to the next meets all of them, across intervals", () => {
    const intervals = [
      { from: 2n, to: 4n },
      { from: 7n, to: undefined },
    ];
    const seen: bigint[] = [];
    for (let next = nextVisible(intervals, 0n); next !== undefined && next < 11n; ) {
      seen.push(next);
      next = nextVisible(intervals, next);
    }
    expect(seen).toEqual([3n, 4n, 8n, 9n, 10n]);
  });

  test("closing ends the last interval at that entry, once, and no interval that begins after it", () => {
    fc.assert(
      fc.property(intervalsArbitrary, seqArbitrary, (intervals, seq) => {
        const closed = closeAt(intervals, seq);
        const from = intervals.at(-1)?.from ?? 0n;
        const high = from < seq ? seq : 60n;
        expect(visibleSeqs(closed, 0n, 60n)).toEqual(visibleSeqs(intervals, 0n, high));
        expect(isOpen(closed)).toBe(isOpen(intervals) && from >= seq);
        expect(closeAt(closed, seq)).toBe(closed);
      }),
    );
  });

  test("members since the beginning share one value", () => {
    expect(internIntervals([{ from: 0n, to: undefined }])).toBe(everything);
    const own = [{ from: 1n, to: undefined }];
    expect(internIntervals(own)).toBe(own);
  });
});

describe("placing a cursor", () => {
  const place = (position: bigint | undefined, head: bigint, intervals: Intervals = everything) =>
    placeCursor({ intervals, position, head, undoneAbove: undefined, behindEntriesMax: 500n });

  test("a position within the limit goes on from there", () => {
    expect(place(10n, 510n)).toEqual({ after: 10n, notice: undefined });
    expect(place(10n, 10n)).toEqual({ after: 10n, notice: undefined });
  });

  test("one entry more than the limit is answered by behind with the head", () => {
    const notice = { kind: "behind", seq: 511n, redelivered: false };
    expect(place(10n, 511n)).toEqual({ after: 511n, notice });
  });

  test("only what is visible counts towards the limit", () => {
    expect(place(undefined, 10_000n, [{ from: 9_500n, to: undefined }]).notice).toBeUndefined();
  });

  test("a position above the head is rewound to the head", () => {
    expect(place(11n, 10n)).toEqual({
      after: 10n,
      notice: { kind: "rewound", seq: 10n, redelivered: false },
    });
  });

  test("a position of another epoch is rewound to where the log is still the same, and only if it is above", () => {
    const undoneAbove = 5n;
    const old = (position: bigint, intervals: Intervals = everything) =>
      placeCursor({ intervals, position, head: 9_000n, undoneAbove, behindEntriesMax: 10_000n });
    expect(old(5n)).toEqual({ after: 5n, notice: undefined });
    expect(old(7n)).toEqual({ after: 5n, notice: { kind: "rewound", seq: 5n, redelivered: false } });
    expect(old(7n, [{ from: 0n, to: 3n }]).notice?.seq).toBe(3n);
    expect(old(7n, [{ from: 6n, to: undefined }]).after).toBe(0n);
  });

  test("a past member is told of no entry that it may not see", () => {
    const past = [{ from: 0n, to: 700n }];
    expect(place(0n, 10_000n, past).notice?.seq).toBe(700n);
    expect(place(10_001n, 10_000n, past).notice?.seq).toBe(700n);
  });
});
