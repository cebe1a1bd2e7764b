import { expect, test } from "vitest";
import { idSlotsMax, lowestFreeSlot } from "./id-slots.ts";

test("the lowest slot that nobody has is given", () => {
  expect(lowestFreeSlot(new Set())).toBe(0);
  expect(lowestFreeSlot(new Set([0, 1, 3]))).toBe(2);
  expect(lowestFreeSlot(new Set([5]))).toBe(0);
});

test("when all are taken there is none, and 1023 is never given", () => {
  const slots = Array.from({ length: idSlotsMax }, (_, slot) => slot);
  expect(lowestFreeSlot(new Set(slots.slice(0, -1)))).toBe(1_022);
  expect(lowestFreeSlot(new Set(slots))).toBeUndefined();
});
