import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteBudget } from "./byte-budget.ts";
import { EntryRing } from "./entry-ring.ts";
import { Fifo } from "./fifo.ts";

const event = (length: number): Uint8Array => new Uint8Array(length);

describe("a ring of recent entries", () => {
  test("holds the newest entries that fit both limits, whatever is pushed", () => {
    const limits = { entriesMax: 5, bytesMax: 20 };
    const step = fc.record({ jump: fc.constantFrom(0, 0, 0, 0, 3), length: fc.integer({ min: 1, max: 25 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ring = new EntryRing(limits);
        let seq = 0n;
        let model: { seq: bigint; bytes: Uint8Array }[] = [];
        for (const { jump, length } of steps) {
          seq += 1n + BigInt(jump);
          const bytes = event(length);
          model = [...(jump > 0 ? [] : model), { seq, bytes }];
          while (model.length > limits.entriesMax || sum(model) > limits.bytesMax) model.shift();
          ring.push(seq, bytes);
          expect(ring.size).toBe(model.length);
          expect(ring.byteLength).toBe(sum(model));
          for (let probe = seq - 8n; probe <= seq + 1n; probe += 1n) {
            expect(ring.get(probe)).toBe(model.find((one) => one.seq === probe)?.bytes);
          }
        }
      }),
    );
  });

  test("is empty after it was cleared and takes any entry then", () => {
    const ring = new EntryRing({ entriesMax: 2, bytesMax: 10 });
    ring.push(7n, event(3));
    ring.clear();
    expect([ring.size, ring.byteLength, ring.get(7n)]).toEqual([0, 0, undefined]);
    ring.push(3n, event(4));
    expect(ring.get(3n)?.length).toBe(4);
  });
});

function sum(model: readonly { bytes: Uint8Array }[]): number {
  return model.reduce((total, { bytes }) => total + bytes.length, 0);
}

test("a fifo gives items in the order in which they came, however pushes and shifts alternate", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (pushes) => {
      const fifo = new Fifo<number>();
      const model: number[] = [];
      for (const [index, isPush] of pushes.entries()) {
        const shifted = isPush ? fifo.push(index) : fifo.shift();
        const expected = isPush ? void model.push(index) : model.shift();
        expect(shifted).toBe(expected);
        expect(fifo.size).toBe(model.length);
      }
    }),
  );
});

describe("a budget of bytes", () => {
  const holder = (name: string, released: string[]) => ({ release: () => void released.push(name) });

  test("takes back from whoever took bytes longest ago, as much as is needed", () => {
    const released: string[] = [];
    const [one, two, three] = [holder("one", released), holder("two", released), holder("three", released)];
    const budget = new ByteBudget(10);
    budget.hold(one, 4);
    budget.hold(two, 4);
    budget.hold(one, 5);
    expect(released).toEqual([]);
    budget.hold(three, 3);
    expect(released).toEqual(["two"]);
    expect(budget.total).toBe(8);
  });

  test("leaves the newest its bytes even when they alone are too many", () => {
    const released: string[] = [];
    const budget = new ByteBudget(10);
    budget.hold(holder("one", released), 4);
    budget.hold(holder("two", released), 40);
    expect(released).toEqual(["one"]);
    expect(budget.total).toBe(40);
  });

  test("forgets a holder that has dropped its bytes", () => {
    const released: string[] = [];
    const one = holder("one", released);
    const budget = new ByteBudget(10);
    budget.hold(one, 4);
    budget.drop(one);
    budget.drop(one);
    budget.hold(holder("two", released), 40);
    expect(released).toEqual([]);
  });
});
