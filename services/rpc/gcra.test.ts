import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admitCall, type Rate } from "./gcra.ts";

/** Runs calls at the given times; answers the times at which they were admitted. */
function admitted(rate: Rate, timesMs: readonly number[]): number[] {
  let arrivalMs: number | undefined;
  return timesMs.filter((nowMs) => {
    const verdict = admitCall(rate, arrivalMs, nowMs);
    if (verdict.kind === "admitted") arrivalMs = verdict.arrivalMs;
    return verdict.kind === "admitted";
  });
}

const rates = fc.record({
  perSecond: fc.integer({ min: 1, max: 1000 }),
  burst: fc.integer({ min: 1, max: 50 }),
});
const times = fc
  .array(fc.integer({ min: 0, max: 2000 }), { maxLength: 200 })
  .map((gaps) => gaps.reduce<number[]>((sums, gap) => [...sums, (sums.at(-1) ?? 0) + gap], []));

describe("admitCall", () => {
  test("admits exactly the burst at once, whatever the rate", () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 0, max: 1e9 }), (rate, nowMs) => {
        const calls = Array.from({ length: rate.burst + 10 }, () => nowMs);
        expect(admitted(rate, calls)).toHaveLength(rate.burst);
      }),
    );
  });

  test("never admits more than burst plus rate times time within any window", () => {
    fc.assert(
      fc.property(rates, times, (rate, timesMs) => {
        const passed = admitted(rate, timesMs);
        for (const [from, startMs] of passed.entries()) {
          for (let to = from; to < passed.length; to += 1) {
            const spanMs = (passed[to] ?? 0) - startMs;
            const most = rate.burst + (spanMs * rate.perSecond) / 1000;
            expect(to - from + 1).toBeLessThanOrEqual(most + 0.01);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test("a refused call is admitted after its delay, and not a millisecond and a bit sooner", () => {
    fc.assert(
      fc.property(rates, times, (rate, timesMs) => {
        let arrivalMs: number | undefined;
        for (const nowMs of timesMs) {
          const verdict = admitCall(rate, arrivalMs, nowMs);
          if (verdict.kind === "admitted") {
            arrivalMs = verdict.arrivalMs;
            continue;
          }
          expect(admitCall(rate, arrivalMs, nowMs + verdict.retryDelayMs).kind).toBe("admitted");
          expect(admitCall(rate, arrivalMs, nowMs + verdict.retryDelayMs - 1.1).kind).toBe("refused");
        }
      }),
    );
  });

  test("calls at the rate are always admitted", () => {
    const rate = { perSecond: 3, burst: 1 };
    const timesMs = Array.from({ length: 100 }, (_, index) => (index * 1000) / 3);
    expect(admitted(rate, timesMs)).toHaveLength(100);
  });
});
