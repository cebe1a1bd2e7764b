import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffDelayMs } from "./backoff.ts";

describe("backoffDelayMs", () => {
  test("the upper end doubles from base to max", () => {
    const ends = [1, 2, 3, 4, 5, 6].map((attempt) =>
      backoffDelayMs({ baseMs: 100, maxMs: 1_000 }, attempt, 1),
    );
    expect(ends).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  test("there is no delay after the last attempt", () => {
    const policy = { baseMs: 100, maxMs: 1_000, attemptsMax: 3 };
    expect([1, 2, 3, 4].map((attempt) => backoffDelayMs(policy, attempt, 0.5))).toEqual([
      50,
      100,
      undefined,
      undefined,
    ]);
  });

  test("any attempt, however late, waits a finite time between 0 and max", () => {
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fraction, (attempt, share) => {
        const delayMs = backoffDelayMs({ baseMs: 500, maxMs: 30_000 }, attempt, share);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});
