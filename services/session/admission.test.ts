import { describe, expect, test } from "vitest";
import { Admission, admissionRetryMsMax } from "./admission.ts";

const limits = { opensPerSecond: 10, opensBurst: 3, opensConcurrentMax: 2 };
const admitted = (admission: Admission, nowMs: number): boolean => admission.admit(nowMs).kind === "admitted";
const delay = (admission: Admission, nowMs: number): number => {
  const outcome = admission.admit(nowMs);
  return outcome.kind === "refused" ? outcome.retryDelayMs : 0;
};

describe("Admission", () => {
  test("bounds how many run at once", () => {
    const admission = new Admission(limits, 0);
    expect([admitted(admission, 0), admitted(admission, 0), admitted(admission, 0)]).toEqual([
      true,
      true,
      false,
    ]);
    admission.release();
    expect(admission.running).toBe(1);
    expect(admitted(admission, 0)).toBe(true);
  });

  test("bounds the rate in the long run and fills up only to the burst", () => {
    const admission = new Admission({ ...limits, opensConcurrentMax: 1_000 }, 0);
    let count = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs += 5) if (admitted(admission, nowMs)) count += 1;
    expect(count).toBeGreaterThanOrEqual(101);
    expect(count).toBeLessThanOrEqual(103);
    const quiet = new Admission(limits, 0);
    const outcomes = Array.from({ length: 6 }, () => {
      const outcome = admitted(quiet, 60_000);
      if (outcome) quiet.release();
      return outcome;
    });
    expect(outcomes.filter(Boolean)).toHaveLength(3);
  });

  test("tells each one refused a later moment, spreading a crowd over the time that it takes", () => {
    const admission = new Admission(limits, 0);
    for (let count = 0; count < 3; count += 1) if (admitted(admission, 0)) admission.release();
    const delays = Array.from({ length: 100 }, () => delay(admission, 0));
    expect(delays.slice(0, 3)).toEqual([100, 200, 300]);
    expect(delays.at(-1)).toBe(10_000);
    for (let count = 0; count < 1_000; count += 1) delay(admission, 0);
    expect(delay(admission, 0)).toBeLessThanOrEqual(admissionRetryMsMax);
  });
});
