import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { memoryIdSlotStore } from "../testkit/memory-id-slot-store.ts";
import { createIdAllocator, type IdSlotStore, idEpochMs, idSlotMax, idSpanTicks, idTimeMs } from "./ids.ts";

const start = { wallMs: idEpochMs + 1_000 };

/** What may happen between two ids. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("take" as const), count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant("step" as const), ms: fc.integer({ min: -5_000, max: 5_000 }) }),
  fc.record({ kind: fc.constant("restart" as const) }),
);

describe("createIdAllocator", () => {
  test("ids carry the time and differ by slot", async () => {
    const clock = new FakeClock(start);
    const store = memoryIdSlotStore();
    const [first, second] = await Promise.all(
      [0, idSlotMax].map((slot) => createIdAllocator({ store, clock, slot }).next()),
    );
    expect(idTimeMs(first ?? 0n)).toBe(start.wallMs);
    expect(idTimeMs(second ?? 0n)).toBe(start.wallMs);
    expect((second ?? 0n) - (first ?? 0n)).toBe(BigInt(idSlotMax) << 12n);
  });

  test("ids of one allocator grow and follow the clock", async () => {
    const clock = new FakeClock(start);
    const ids = createIdAllocator({ store: memoryIdSlotStore(), clock, slot: 3 });
    const one = await ids.next();
    const two = await ids.next();
    clock.stepWall(60_000);
    const three = await ids.next();
    expect(two).toBe(one + 1n);
    expect(idTimeMs(three)).toBe(start.wallMs + 60_000);
  });

  test("a clock that goes back does not take the ids with it", async () => {
    const clock = new FakeClock(start);
    const ids = createIdAllocator({ store: memoryIdSlotStore(), clock, slot: 0 });
    const before = await ids.next();
    clock.stepWall(-3_600_000);
    expect(await ids.next()).toBe(before + 1n);
  });

  test("a slot that changes holds from the next span on, and no id is given twice", async () => {
    const store = memoryIdSlotStore();
    let slot = 4;
    const ids = createIdAllocator({ store, clock: new FakeClock(start), slot: () => slot, span: 2 });
    const slotOf = (id: bigint): number => Number((id >> 12n) & 1023n);
    const first = await ids.next();
    slot = 7;
    const taken = [first, await ids.next(), await ids.next(), await ids.next()];
    expect(taken.map(slotOf)).toEqual([4, 4, 7, 7]);
    expect(new Set(taken).size).toBe(4);
  });

  test("an allocator under heavy load takes a new span instead of repeating ids", async () => {
    const clock = new FakeClock(start);
    const ids = createIdAllocator({ store: memoryIdSlotStore(), clock, slot: 0, span: 8 });
    const taken = await Promise.all(Array.from({ length: 1_000 }, () => ids.next()));
    expect(new Set(taken).size).toBe(1_000);
  });

  test("tryNext gives nothing until there is a span, and asks the store for nothing", async () => {
    const ids = createIdAllocator({
      store: memoryIdSlotStore(),
      clock: new FakeClock(start),
      slot: 0,
      span: 2,
    });
    expect(ids.tryNext()).toBeUndefined();
    const first = await ids.next();
    expect(ids.tryNext()).toBe(first + 1n);
    expect(ids.tryNext()).toBeUndefined();
  });

  test("a crowd shares one raise, a failed raise reaches all of it, and the next call tries again", async () => {
    const real = memoryIdSlotStore();
    let raises = 0;
    const store: IdSlotStore = {
      raise: async (...raise) => {
        raises += 1;
        if (raises === 1) throw new Error("store away");
        return await real.raise(...raise);
      },
    };
    const ids = createIdAllocator({ store, clock: new FakeClock(start), slot: 0 });
    const settled = await Promise.allSettled([ids.next(), ids.next()]);
    expect(settled.map((one) => one.status)).toEqual(["rejected", "rejected"]);
    await Promise.all([ids.next(), ids.next(), ids.next()]);
    expect(raises).toBe(2);
  });

  test("a busy node asks the store once in two seconds", async () => {
    expect(idSpanTicks).toBe(2_000 * 4096);
  });

  test("a slot out of range is refused", () => {
    for (const slot of [-1, idSlotMax + 1, 0.5]) {
      expect(() => createIdAllocator({ store: memoryIdSlotStore(), clock: new FakeClock(), slot })).toThrow(
        "slot",
      );
    }
  });

  test("two nodes on one slot never give out one id, whatever clocks and restarts do", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(1), step), { maxLength: 40 }),
        fc.integer({ min: 1, max: 64 }),
        async (steps, span) => {
          const store = memoryIdSlotStore();
          const clocks = [new FakeClock(start), new FakeClock(start)];
          const create = (clock: FakeClock) => createIdAllocator({ store, clock, slot: 5, span });
          const nodes = clocks.map(create);
          const taken: bigint[] = [];
          for (const [which, action] of steps) {
            const [clock, node] = [clocks[which], nodes[which]];
            if (clock === undefined || node === undefined) throw new Error("there are two nodes");
            if (action.kind === "step") clock.stepWall(action.ms);
            else if (action.kind === "restart") nodes[which] = create(clock);
            else for (let count = 0; count < action.count; count += 1) taken.push(await node.next());
          }
          expect(new Set(taken).size).toBe(taken.length);
        },
      ),
    );
  });
});
