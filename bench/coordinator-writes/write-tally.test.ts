import { describe, expect, test } from "vitest";
import { otherWrites, WriteTally } from "./write-tally.ts";

const none = { joins: 0, leaves: 0, renewals: 0 };

describe("the writes of one node", () => {
  test("renewals every two and a half seconds are heartbeats", () => {
    const tally = new WriteTally(none, 0);
    for (let ms = 100; ms <= 10_000; ms += 100) tally.look({ ...none, renewals: Math.floor(ms / 2_500) }, ms);
    expect(tally.writes).toEqual({ joins: 0, leaves: 0, heartbeats: 4, early: 0 });
    expect(otherWrites(tally.writes)).toBe(0);
  });

  test("a renewal that comes earlier is another write, and the next heartbeat is counted from it", () => {
    const tally = new WriteTally(none, 0);
    tally.look({ ...none, renewals: 1 }, 1_000);
    tally.look({ ...none, renewals: 2 }, 3_500);
    expect(tally.writes).toEqual({ joins: 0, leaves: 0, heartbeats: 1, early: 1 });
    expect(tally.lastWriteMs).toBe(3_500);
  });

  test("of two renewals at once one is early", () => {
    const tally = new WriteTally(none, 0);
    tally.look({ ...none, renewals: 2 }, 2_500);
    expect(tally.writes).toMatchObject({ heartbeats: 1, early: 1 });
  });

  test("a node that has just come writes its join, and what it says right after is early", () => {
    const tally = new WriteTally(none, 0);
    tally.look({ joins: 1, leaves: 0, renewals: 1 }, 200);
    expect(tally.writes).toEqual({ joins: 1, leaves: 0, heartbeats: 0, early: 1 });
    expect(otherWrites(tally.writes)).toBe(2);
  });

  test("the first renewal of a node of which no earlier write is known is a heartbeat", () => {
    const tally = new WriteTally({ ...none, renewals: 7 }, Number.NEGATIVE_INFINITY);
    tally.look({ ...none, renewals: 8 }, 300);
    expect(tally.writes).toMatchObject({ heartbeats: 1, early: 0 });
  });
});
