import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRng } from "./seeded-rng.ts";

describe("seededRng", () => {
  test("the same seed gives the same numbers and another seed others", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const [one, two, other] = [seededRng(seed), seededRng(seed), seededRng(seed + 1)];
        expect(one.bytes(16)).toEqual(two.bytes(16));
        expect(one.uuid()).toBe(two.uuid());
        expect(one.bytes(16)).not.toEqual(other.bytes(16));
      }),
    );
  });

  test("uuids are of version 4 and variant 1", () => {
    const rng = seededRng(1);
    for (let round = 0; round < 100; round += 1) {
      expect(rng.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  test("fractions are in range and spread evenly over ten bins", () => {
    const rng = seededRng(42);
    const bins = Array.from({ length: 10 }, () => 0);
    for (let round = 0; round < 10_000; round += 1) {
      const fraction = rng.fraction();
      expect(fraction >= 0 && fraction < 1).toBe(true);
      const bin = Math.floor(fraction * 10);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    // Five standard deviations of a binomial with n = 10,000 and p = 0.1 are 150.
    for (const count of bins) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  test("integers stay below their bound and every choice is picked", () => {
    const rng = seededRng(7);
    const picked = new Set(Array.from({ length: 200 }, () => rng.pick(["a", "b", "c"])));
    expect([...picked].toSorted()).toEqual(["a", "b", "c"]);
    for (let round = 0; round < 200; round += 1) expect(rng.integerBelow(3)).toBeLessThan(3);
    expect(() => rng.pick([])).toThrow("empty");
  });

  test("draws of a fork do not shift those of its origin", () => {
    expect(drawAfterFork(1)).toBe(drawAfterFork(1_000));
  });
});

function drawAfterFork(draws: number): string {
  const rng = seededRng(9);
  rng.fork().bytes(draws);
  return rng.uuid();
}
