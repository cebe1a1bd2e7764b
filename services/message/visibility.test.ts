import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sees } from "./effects.ts";
import { intervalsAndHead } from "./fixtures/interval-arbitrary.ts";
import {
  firstSpanAbove,
  lastSpanBelow,
  newestVisibleSeq,
  type Span,
  spansAbove,
  visibleSpans,
} from "./visibility.ts";

function seqsOf(spans: readonly Span[]): bigint[] {
  return spans.flatMap(({ low, high }) =>
    Array.from({ length: Number(high - low) }, (_, index) => low + 1n + BigInt(index)),
  );
}

function visibleSeqs({ intervals, head }: { intervals: Parameters<typeof sees>[0]; head: bigint }): bigint[] {
  return Array.from({ length: Number(head) }, (_, index) => BigInt(index + 1)).filter((seq) =>
    sees(intervals, seq),
  );
}

describe("visible spans", () => {
  test("hold exactly the entries that one of the intervals holds, up to the head", () => {
    fc.assert(
      fc.property(intervalsAndHead, (member) => {
        const spans = visibleSpans(member.intervals, member.head);
        expect(seqsOf(spans)).toEqual(visibleSeqs(member));
        expect(newestVisibleSeq(spans)).toBe(visibleSeqs(member).at(-1) ?? 0n);
      }),
    );
  });

  test("above a seq hold what is visible and higher", () => {
    fc.assert(
      fc.property(intervalsAndHead, fc.bigInt(0n, 70n), (member, seq) => {
        const above = seqsOf(spansAbove(visibleSpans(member.intervals, member.head), seq));
        expect(above).toEqual(visibleSeqs(member).filter((each) => each > seq));
      }),
    );
  });

  test("one step up or down starts with the next visible entry", () => {
    fc.assert(
      fc.property(intervalsAndHead, fc.bigInt(0n, 70n), (member, seq) => {
        const spans = visibleSpans(member.intervals, member.head);
        const up = firstSpanAbove(spans, seq);
        expect(up === undefined ? undefined : up.low + 1n).toBe(
          visibleSeqs(member).find((each) => each > seq),
        );
        expect(lastSpanBelow(spans, seq)?.high).toBe(visibleSeqs(member).findLast((each) => each < seq));
      }),
    );
  });

  test("an account that left sees its last entry and none after it", () => {
    expect(visibleSpans([{ from: 3n, to: 7n }], 9n)).toEqual([{ low: 3n, high: 7n }]);
  });

  test("an interval that starts at the head shows nothing", () => {
    expect(visibleSpans([{ from: 9n, to: undefined }], 9n)).toEqual([]);
  });
});
