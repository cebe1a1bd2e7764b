import type { MemberInterval } from "../message/ports.ts";

/**
 * Where a device stands in one conversation, as arithmetic over the intervals in which its account was a member.
 * Intervals are those of a membership row: ascending, not overlapping, a member sees from < seq <= to.
 */
export type Intervals = readonly MemberInterval[];

/** Of direct conversations and of members since the beginning: one value that all of them share. */
export const everything: Intervals = [{ from: 0n, to: undefined }];

/** The lowest visible seq above `after`, or undefined when nothing above it will be visible as things stand. */
export function nextVisible(intervals: Intervals, after: bigint): bigint | undefined {
  for (const { from, to } of intervals) {
    const next = after > from ? after + 1n : from + 1n;
    if (to === undefined || next <= to) return next;
  }
  return undefined;
}

/** The highest visible seq that is not above `head`; 0 when there is none. */
export function lastVisible(intervals: Intervals, head: bigint): bigint {
  let last = 0n;
  for (const { from, to } of intervals) {
    if (head > from) last = to === undefined || head < to ? head : to;
  }
  return last;
}

/** How many visible entries lie above `after`, up to and including `head`. */
export function countVisible(intervals: Intervals, after: bigint, head: bigint): bigint {
  let count = 0n;
  for (const { from, to } of intervals) {
    const low = after > from ? after : from;
    const high = to === undefined || head < to ? head : to;
    if (high > low) count += high - low;
  }
  return count;
}

/** The entry that began or ended the last interval; 0 when there is none. A row that has seen a later one may say more. */
export function lastChange(intervals: Intervals): bigint {
  const last = intervals.at(-1);
  return last === undefined ? 0n : (last.to ?? last.from + 1n);
}

/** The account is a member now. */
export function isOpen(intervals: Intervals): boolean {
  const last = intervals.at(-1);
  return last !== undefined && last.to === undefined;
}

/**
 * The intervals after the entry `seq` ended the membership; that entry is the last visible one. The same value when
 * they say so already, or when the account joined again after that entry. Of two removals that were heard of in the
 * wrong order the earlier one counts, since what lies between was not read yet.
 */
export function closeAt(intervals: Intervals, seq: bigint): Intervals {
  const last = intervals.at(-1);
  if (last === undefined || last.from >= seq || (last.to !== undefined && last.to <= seq)) return intervals;
  return [...intervals.slice(0, -1), { from: last.from, to: seq }];
}

/** Intervals as read, with the shared value in place of an equal one, so that most tracks keep none of their own. */
export function internIntervals(intervals: Intervals): Intervals {
  const [only] = intervals;
  const isEverything = intervals.length === 1 && only?.from === 0n && only.to === undefined;
  return isEverything ? everything : intervals;
}

/** An event that is no entry: the device missed too much to push it, or holds what does not exist. */
export interface Notice {
  readonly kind: "behind" | "rewound";
  readonly seq: bigint;
  readonly redelivered: boolean;
}

/** What a device says that it holds of a conversation: everything visible up to `seq`, of an epoch. */
export interface HeldPosition {
  readonly epoch: bigint;
  readonly seq: bigint;
}

/** Where a cursor begins: everything up to `after` is taken as held; the notice comes first. */
export interface Placement {
  readonly after: bigint;
  readonly notice: Notice | undefined;
}

/** What a placement is decided by. */
export interface PlacementInput {
  readonly intervals: Intervals;
  /** What the device holds; undefined when it did not name the conversation. */
  readonly position: bigint | undefined;
  readonly head: bigint;
  /** What the device holds above this was undone; unset when nothing was. */
  readonly undoneAbove: bigint | undefined;
  /** More visible entries than this ahead are not pushed. */
  readonly behindEntriesMax: bigint;
}

/**
 * Decides where to begin. A position above the head is rewound to the head, and one of another epoch to where the log
 * is still the same; whoever is too far behind is told so. Both name the last entry there that the account may see, which
 * for a member is that one itself. Who is rewound hears of nothing else: everything above is pushed, however much it is.
 */
export function placeCursor(input: PlacementInput): Placement {
  const { intervals, head } = input;
  const after = input.position ?? 0n;
  const sound = input.undoneAbove ?? head;
  if (after > sound) {
    const kept = lastVisible(intervals, sound);
    return { after: kept, notice: { kind: "rewound", seq: kept, redelivered: false } };
  }
  const last = lastVisible(intervals, head);
  if (countVisible(intervals, after, head) > input.behindEntriesMax) {
    return { after: last, notice: { kind: "behind", seq: last, redelivered: false } };
  }
  return { after, notice: undefined };
}
