import type { Clock } from "./clock.ts";

/** Zero of the time in ids: 2026-01-01T00:00:00Z, in milliseconds since 1970. */
export const idEpochMs = 1_767_225_600_000;

/** Slots are numbered from 0 to this. */
export const idSlotMax = 1023;

/** How many ids a millisecond of a slot has. */
const idsPerMs = 4096n;

/** Ticks taken from the store at a time: two seconds' worth, so that a busy node asks every two seconds. */
export const idSpanTicks = Number(2_000n * idsPerMs);

/** 41 bits of milliseconds and 12 of the counter: until the year 2095, with the sign bit of int64 left free. */
const tickMax = 1n << 53n;

/** Half-open: `from` is the first tick of the span, `to` the first one after it. */
export interface IdSpan {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Where the high-water marks of the slots are kept. A mark only grows, by compare-and-set, and the raise is
 * durable before it is answered: that is all that the uniqueness of ids rests on.
 */
export interface IdSlotStore {
  /**
   * Raises the mark of `slot` to `to` and answers the span [from, to), where `from` is the larger of the mark
   * and `toAtLeast`, and `to` is `from + span`. `nextIdSpan` computes it. After an unknown outcome simply
   * call again: a span that was taken and never used is lost, which does no harm.
   */
  raise(slot: number, toAtLeast: bigint, span: number): Promise<IdSpan>;
}

/** The span that a raise gives for the mark as it stands; `to` is the new mark. For implementers of the port. */
export function nextIdSpan(mark: bigint, toAtLeast: bigint, span: number): IdSpan {
  const from = mark > toAtLeast ? mark : toAtLeast;
  return { from, to: from + BigInt(span) };
}

/** Hands out 64-bit ids. */
export interface IdAllocator {
  /** The next id. Rejects as the store does when a new span is needed and cannot be had. */
  next(): Promise<bigint>;
  /** The next id if the span at hand has one, else undefined: for code that must not wait. */
  tryNext(): bigint | undefined;
}

/** What an allocator works with. */
export interface IdAllocatorOptions {
  readonly store: IdSlotStore;
  readonly clock: Clock;
  /**
   * 0 to `idSlotMax`, or who to ask for it whenever a span is taken, since a node may be given another one. Two nodes
   * with one slot are safe, since the mark is shared; they only ask more often.
   */
  readonly slot: number | (() => number);
  /** Ticks per span; `idSpanTicks` when unset. */
  readonly span?: number;
}

/**
 * Creates an allocator of time-ordered ids: 41 bits of milliseconds since `idEpochMs`, 10 bits of slot, 12 bits
 * of counter. Milliseconds and counter together are a *tick*, and a slot's ticks are given out once:
 * - within a span the allocator uses the tick of now, or the next one if that was used or the clock went back;
 * - spans come from a mark in the store that only grows, so that neither a restart nor a step of the clock
 *   repeats a tick. When the clock went back, or a restart left part of a span, ids run ahead of the clock.
 */
export function createIdAllocator(options: IdAllocatorOptions): IdAllocator {
  const { store, clock, slot } = options;
  const spanTicks = options.span ?? idSpanTicks;
  const slotNow = typeof slot === "number" ? constantSlot(slot) : slot;
  let span: IdSpan = { from: 0n, to: 0n };
  /** Of the span at hand. */
  let spanSlot = 0;
  let raising: Promise<void> | undefined;

  const nowTick = (): bigint => BigInt(Math.max(0, Math.floor(clock.wallMs()) - idEpochMs)) * idsPerMs;

  const tryNext = (): bigint | undefined => {
    const now = nowTick();
    const tick = now > span.from ? now : span.from;
    if (tick >= span.to) return undefined;
    span = { from: tick + 1n, to: span.to };
    return idOfTick(tick, spanSlot);
  };

  const raise = async (): Promise<void> => {
    try {
      const raised = assertSlot(slotNow());
      span = await store.raise(raised, nowTick(), spanTicks);
      spanSlot = raised;
    } finally {
      raising = undefined;
    }
  };

  return {
    tryNext,
    async next() {
      for (;;) {
        const id = tryNext();
        if (id !== undefined) return id;
        // All that wait share one raise; a crowd larger than the span goes round again.
        raising ??= raise();
        await raising;
      }
    },
  };
}

/** When the id was made, by the clock of its maker, in milliseconds since 1970. */
export function idTimeMs(id: bigint): number {
  return Number(id >> 22n) + idEpochMs;
}

function constantSlot(slot: number): () => number {
  assertSlot(slot);
  return () => slot;
}

function assertSlot(slot: number): number {
  if (Number.isInteger(slot) && slot >= 0 && slot <= idSlotMax) return slot;
  throw new Error(`id slot ${slot} must be a whole number from 0 to ${idSlotMax}`);
}

function idOfTick(tick: bigint, slot: number): bigint {
  if (tick >= tickMax)
    throw new Error("the ids have run out: the clock, or the mark of the slot, is past the year 2095");
  return ((tick / idsPerMs) << 22n) | (BigInt(slot) << 12n) | (tick % idsPerMs);
}
