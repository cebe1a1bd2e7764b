import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRng } from "../seeded-rng.ts";
import { EventHeap } from "./event-heap.ts";
import { eventsPerMsMax, SimScheduler } from "./sim-scheduler.ts";

const schedulerOf = (seed: number): SimScheduler => new SimScheduler(seededRng(seed));

describe("EventHeap", () => {
  test("gives events back by time, then by tie, then in the order in which they were made", () => {
    const number = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number)), (pairs) => {
        const heap = new EventHeap<{ timeMs: number; tie: number; serial: number }>();
        const events = pairs.map(([timeMs, tie], serial) => ({ timeMs, tie, serial }));
        for (const event of events) heap.push(event);
        const taken = events.map(() => heap.pop());
        expect(taken).toEqual(
          events.toSorted((a, b) => a.timeMs - b.timeMs || a.tie - b.tie || a.serial - b.serial),
        );
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });

  test("keeps its order when events are dropped from its middle", () => {
    const heap = new EventHeap<{ timeMs: number; tie: number; serial: number }>();
    for (let serial = 0; serial < 100; serial += 1)
      heap.push({ timeMs: (serial * 37) % 100, tie: 0, serial });
    heap.retain(({ timeMs }) => timeMs % 2 === 0);
    const times = Array.from({ length: heap.size }, () => heap.pop()?.timeMs);
    expect(times).toEqual(Array.from({ length: 50 }, (_, index) => 2 * index));
  });
});

describe("SimScheduler", () => {
  test("events run by virtual time, and time stands at the end of the run afterwards", async () => {
    const scheduler = schedulerOf(1);
    const ran: string[] = [];
    scheduler.after(20, "late", () => ran.push(`late at ${scheduler.nowMs}`));
    scheduler.after(10, "early", () => ran.push(`early at ${scheduler.nowMs}`));
    scheduler.after(31, "too late", () => ran.push("too late"));
    await scheduler.run(30);
    expect(ran).toEqual(["early at 10", "late at 20"]);
    expect([scheduler.nowMs, scheduler.pending]).toEqual([30, 1]);
  });

  test("events of one moment run in an order that the seed decides", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 30; seed += 1) {
      const scheduler = schedulerOf(seed);
      const ran: number[] = [];
      for (const name of [1, 2, 3]) scheduler.after(5, "tied", () => ran.push(name));
      await scheduler.run(10);
      orders.add(ran.join(""));
    }
    expect(orders.size).toBe(6);
  });

  test("every chain of microtasks has run out before the next event and before the end", async () => {
    const scheduler = schedulerOf(1);
    const ran: string[] = [];
    const chain = async (name: string): Promise<void> => {
      for (let step = 0; step < 200; step += 1) await Promise.resolve();
      ran.push(name);
    };
    for (let index = 0; index < 150; index += 1) {
      scheduler.after(index, "starts", () => {
        ran.push(`start ${index}`);
        void chain(`end ${index}`);
      });
    }
    await scheduler.run(200);
    expect(ran).toEqual(Array.from({ length: 150 }, (_, index) => [`start ${index}`, `end ${index}`]).flat());
  });

  test("a cancelled event does not run, and many of them do not stay", async () => {
    const scheduler = schedulerOf(1);
    let ran = 0;
    for (let index = 0; index < 20_000; index += 1) scheduler.after(5, "none", () => (ran += 1)).cancel();
    expect(scheduler.pending).toBe(0);
    scheduler.after(5, "one", () => (ran += 1));
    await scheduler.run(10);
    expect([ran, scheduler.executed]).toEqual([1, 1]);
  });

  test("a run ends where its condition holds, and the next run goes on from there", async () => {
    const scheduler = schedulerOf(1);
    let count = 0;
    const tick = (): void => {
      count += 1;
      scheduler.after(10, "tick", tick);
    };
    scheduler.after(10, "tick", tick);
    expect(await scheduler.runUntil(() => count === 3, 1_000)).toBe(true);
    expect(scheduler.nowMs).toBe(30);
    // Started in the turn in which the first one ended: what is left of that turn belongs to nobody.
    expect(await scheduler.runUntil(() => count === 1_000, 55)).toBe(false);
    expect([scheduler.nowMs, count]).toEqual([55, 5]);
  });

  test("what an event throws rejects the run, and the simulation can be looked at and go on", async () => {
    const scheduler = schedulerOf(1);
    scheduler.after(3, "bad", () => {
      throw new Error("planted");
    });
    await expect(scheduler.run(10)).rejects.toThrow("planted");
    expect(scheduler.nowMs).toBe(3);
    await scheduler.run(10);
    expect(scheduler.nowMs).toBe(10);
  });

  test("turns without end are reported with the label of what turns", async () => {
    const scheduler = schedulerOf(1);
    const again = (): void => void scheduler.after(0, "again", again);
    again();
    await expect(scheduler.run(1)).rejects.toThrow(`${eventsPerMsMax} events`);
  });

  test("two runs of one seed have the same hash; another seed, label or time has another one", async () => {
    const hashOf = async (seed: number, label: string, delayMs: number): Promise<string> => {
      const scheduler = schedulerOf(seed);
      for (const name of [label, "b", "c", "d", "e"]) scheduler.after(delayMs, name, () => undefined);
      await scheduler.run(10);
      return scheduler.trace.hash;
    };
    const hash = await hashOf(1, "a", 5);
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    expect(await hashOf(1, "a", 5)).toBe(hash);
    const others = [await hashOf(2, "a", 5), await hashOf(1, "x", 5), await hashOf(1, "a", 5.001)];
    expect(new Set([hash, ...others]).size).toBe(4);
  });

  test("the trace keeps its last lines, with their times", async () => {
    const scheduler = schedulerOf(1);
    for (let index = 0; index < 5_000; index += 1) scheduler.after(index, `event ${index}`, () => undefined);
    await scheduler.run(10_000);
    scheduler.note("the end");
    expect(scheduler.trace.tail(3).map((line) => line.trim())).toEqual([
      "4998.000 event 4998",
      "4999.000 event 4999",
      "10000.000 the end",
    ]);
    expect(scheduler.trace.tail(1_000_000).length).toBe(2_000);
  });
});
