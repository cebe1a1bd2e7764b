import * as fc from "fast-check";
import { expect, test } from "vitest";
import { estimateBytes } from "./argument-size.ts";

test("bytes and texts weigh what they hold, also inside objects, arrays, maps and sets", () => {
  const body = new Uint8Array(1_000);
  for (const value of [{ body }, [body], new Map([[1, body]]), new Set([body]), { deep: [{ body }] }]) {
    expect(estimateBytes(value)).toBeGreaterThanOrEqual(1_000);
    expect(estimateBytes(value)).toBeLessThan(1_200);
  }
  expect(estimateBytes("x".repeat(500))).toBeGreaterThanOrEqual(1_000);
});

test("an estimate is positive and an array weighs more than its items", () => {
  fc.assert(
    fc.property(fc.array(fc.anything({ maxDepth: 3, withBigInt: true })), (items) => {
      const sum = items.reduce<number>((total, item) => total + estimateBytes(item), 0);
      expect(estimateBytes(items)).toBe(sum + 16);
    }),
  );
});

test("a cyclic argument is refused and does not hang", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic, cyclic);
  expect(() => estimateBytes(cyclic)).toThrow(RangeError);
});
