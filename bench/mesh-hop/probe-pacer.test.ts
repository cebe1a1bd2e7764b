import { expect, test } from "vitest";
import { ProbePacer } from "./probe-pacer.ts";

test("beginnings are at least so far apart, also after one that was late", async () => {
  const pacer = new ProbePacer(20);
  const beganMs: number[] = [];
  for (const workMs of [0, 50, 0, 0]) {
    await pacer.next();
    beganMs.push(performance.now());
    await new Promise((resolve) => setTimeout(resolve, workMs));
  }
  const gaps = beganMs.slice(1).map((ms, index) => ms - (beganMs[index] ?? 0));
  for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(19.9);
});
