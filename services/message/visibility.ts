import type { MemberInterval } from "./ports.ts";

/**
 * What one account may see of a conversation, as runs of consecutive entries: those with low < seq <= high.
 * Ascending, not empty, not touching what is above the head that they were made for.
 */
export interface Span {
  readonly low: bigint;
  readonly high: bigint;
}

/** A member of a direct conversation sees all of it. */
export const wholeLog: readonly MemberInterval[] = [{ from: 0n, to: undefined }];

/** The spans of intervals in a log whose newest entry is `headSeq`. */
export function visibleSpans(intervals: readonly MemberInterval[], headSeq: bigint): readonly Span[] {
  return intervals
    .map(({ from, to }) => ({ low: from, high: to === undefined || to > headSeq ? headSeq : to }))
    .filter(({ low, high }) => low < high);
}

/** The newest visible entry; 0 when there is none. */
export function newestVisibleSeq(spans: readonly Span[]): bigint {
  return spans.at(-1)?.high ?? 0n;
}

/** The lowest run of visible entries above `seq`; undefined at the end. */
export function firstSpanAbove(spans: readonly Span[], seq: bigint): Span | undefined {
  return spansAbove(spans, seq)[0];
}

/** The highest run of visible entries below `seq`; undefined at the beginning. */
export function lastSpanBelow(spans: readonly Span[], seq: bigint): Span | undefined {
  const span = spans.findLast(({ low }) => low + 1n < seq);
  if (span === undefined) return undefined;
  return { low: span.low, high: span.high < seq ? span.high : seq - 1n };
}

/** All visible entries above `seq`. */
export function spansAbove(spans: readonly Span[], seq: bigint): readonly Span[] {
  return spans
    .filter(({ high }) => high > seq)
    .map(({ low, high }) => ({ low: low > seq ? low : seq, high }));
}
