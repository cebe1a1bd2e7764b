import fc from "fast-check";
import { expect, test } from "vitest";
import { HintQueue } from "./hint-queue.ts";

const limits = { hintsWaitingMax: 3, hintBytesWaitingMax: 100 };

function hint(key: string, bytes: number): { readonly bytes: Uint8Array; readonly replaces: string } {
  return { bytes: new Uint8Array(bytes), replaces: key };
}

const sizes = (hints: readonly Uint8Array[]): readonly number[] => hints.map(({ length }) => length);

test("hints leave in order, and a newer one takes the place of an older one of its key", () => {
  const queue = new HintQueue(limits);
  for (const each of [hint("a", 1), hint("b", 2), hint("a", 3)]) expect(queue.push(each)).toBe(0);
  expect(queue.size).toBe(2);
  expect(sizes(queue.take(10, 1_000))).toEqual([3, 2]);
  expect(queue.size).toBe(0);
});

test("when there are too many, or they are too large, the oldest go", () => {
  const queue = new HintQueue(limits);
  for (const each of [hint("a", 1), hint("b", 2), hint("c", 3)]) queue.push(each);
  expect(queue.push(hint("d", 4))).toBe(1);
  expect(queue.push(hint("e", 95))).toBe(2);
  expect(queue.push(hint("f", 101))).toBe(3);
  expect(queue.size).toBe(0);
  queue.push(hint("g", 100));
  expect(sizes(queue.take(10, 1_000))).toEqual([100]);
});

test("a batch has at most so many hints and bytes, but one at least", () => {
  const queue = new HintQueue(limits);
  for (const each of [hint("a", 50), hint("b", 2), hint("c", 3)]) queue.push(each);
  expect(sizes(queue.take(10, 20))).toEqual([50]);
  expect(sizes(queue.take(1, 20))).toEqual([2]);
  expect(queue.clear()).toBe(1);
  expect(queue.take(10, 20)).toEqual([]);
});

test("whatever is pushed and taken, every hint is sent, replaced or counted as dropped, the oldest first", () => {
  const push = fc.record({ key: fc.constantFrom("a", "b", "c", "d", "e"), bytes: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(fc.option(push)), (steps) => {
      const queue = new HintQueue(limits);
      const model = new Map<string, number>();
      const takeOldest = (): number => {
        const [[key, bytes] = ["", -1]] = model;
        model.delete(key);
        return bytes;
      };
      for (const step of steps) {
        const taken = step === null ? sizes(queue.take(2, 50)) : [];
        expect(taken).toEqual(taken.map(takeOldest));
        if (step === null) continue;
        model.set(step.key, step.bytes);
        for (let dropped = queue.push(hint(step.key, step.bytes)); dropped > 0; dropped -= 1) takeOldest();
        const bytes = [...model.values()].reduce((sum, length) => sum + length, 0);
        expect(queue.size).toBe(model.size);
        expect(model.size).toBeLessThanOrEqual(limits.hintsWaitingMax);
        expect(bytes).toBeLessThanOrEqual(limits.hintBytesWaitingMax);
      }
    }),
  );
});
