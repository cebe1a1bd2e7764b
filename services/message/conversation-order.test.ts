import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ActivityKey, compareActivity, type ListPosition, takePage } from "./conversation-order.ts";

function keysOf(times: readonly number[]): ActivityKey[] {
  return times.map((activityMs, index) => ({ activityMs, conversationId: `g-${index}` }));
}

/** Pages until the end; `between` may change the list after each, and let time pass. */
function walk(
  list: ActivityKey[],
  size: number,
  between: (page: number, clock: { nowMs: number }) => void = () => undefined,
): ActivityKey[][] {
  const pages: ActivityKey[][] = [];
  const clock = { nowMs: 1_000 };
  let position: ListPosition | undefined;
  do {
    const page = takePage(list, position, { size, nowMs: clock.nowMs });
    pages.push([...page.items]);
    position = page.next;
    const pageMs = clock.nowMs;
    between(pages.length, clock);
    // Two calls are never in one millisecond, but what happens between them may be in that of either.
    if (clock.nowMs === pageMs) clock.nowMs += 1;
    expect(pages.length).toBeLessThan(500);
  } while (position !== undefined);
  return pages;
}

const times = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 25 });

describe("pages of the list of conversations", () => {
  test("of a list that stands still hold each once, the newest first", () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 7 }), (activity, size) => {
        const list = keysOf(activity);
        const pages = walk(list, size);
        expect(pages.flat()).toEqual(list.toSorted((one, other) => compareActivity(other, one)));
        for (const page of pages.slice(0, -1)) expect(page.length).toBe(size);
      }),
    );
  });

  test("leave out none that becomes active meanwhile", () => {
    const move = fc.record({
      page: fc.integer({ min: 1, max: 12 }),
      index: fc.nat({ max: 24 }),
      // 0: in the very millisecond of the page before, or of another move.
      delayMs: fc.integer({ min: 0, max: 2 }),
    });
    const moves = fc.array(move, { maxLength: 15 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 5 }), moves, (activity, size, touched) => {
        const list = keysOf(activity);
        const pages = walk(list, size, (pageNumber, clock) => {
          for (const { page, index, delayMs } of touched) {
            const item = list[index];
            if (page !== pageNumber || item === undefined) continue;
            clock.nowMs += delayMs;
            list[index] = { ...item, activityMs: clock.nowMs };
          }
        });
        const listed = new Set(pages.flat().map((item) => item.conversationId));
        expect(listed).toEqual(new Set(list.map((item) => item.conversationId)));
        for (const page of pages) {
          expect(page).toEqual(page.toSorted((one, other) => compareActivity(other, one)));
          expect(page.length).toBeLessThanOrEqual(size);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("come to an end with clocks that stand still or lie behind the activity", () => {
    const list = keysOf([2_000, 2_000, 2_000, 1_000, 1_000, 1_000, 1_000]);
    const listed = walk(list, 1).flat();
    expect(new Set(listed).size).toBe(list.length);
  });

  test("list an item again once for each time that it moves, by whatever clock", () => {
    const list = keysOf([30, 20, 10, 5, 4]);
    const pages = walk(list, 1, (page) => {
      if (page === 1) list[0] = { conversationId: "g-0", activityMs: 9_000_000 };
    });
    const listed = pages.flat().map((item) => item.conversationId);
    expect(listed).toEqual(["g-0", "g-1", "g-2", "g-3", "g-4", "g-0"]);
  });

  test("list nothing again because the clock was set back", () => {
    const list = keysOf([980, 970, 960, 950, 940]);
    const pages = walk(list, 1, (page, clock) => {
      if (page === 2) clock.nowMs = 945;
    });
    expect(pages.flat()).toEqual(list);
  });

  test("one that was listed and becomes active comes again", () => {
    const list = keysOf([30, 20, 10]);
    const pages = walk(list, 1, (page, clock) => {
      if (page === 1) list[0] = { conversationId: "g-0", activityMs: clock.nowMs };
    });
    expect(pages.flat().map((item) => item.conversationId)).toEqual(["g-0", "g-0", "g-1", "g-2"]);
  });

  test("an empty list is one empty page", () => {
    expect(takePage([], undefined, { size: 5, nowMs: 0 })).toEqual({ items: [], next: undefined });
  });
});
