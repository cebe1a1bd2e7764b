import { expect, test } from "vitest";
import { silentMetrics } from "../kernel/metrics.ts";
import { recordingLogger } from "../sqlite/fixtures/recording.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { CoordinatorOutage } from "./coordinator-outage.ts";

function stage() {
  const clock = new FakeClock();
  const logger = recordingLogger();
  const available: number[] = [];
  const metrics = { ...silentMetrics, gauge: () => ({ set: (value: number) => void available.push(value) }) };
  const outage = new CoordinatorOutage(clock, logger, metrics);
  const levels = (): string[] => logger.lines.map((line) => line.split(" ", 1)[0] ?? "");
  return { clock, outage, available, levels };
}

test("a long outage is told once at each level, then once a minute, and its end once", async () => {
  const { clock, outage, levels } = stage();
  for (let seconds = 0; seconds < 200; seconds += 1) {
    outage.failed(new Error("no"));
    await clock.advance(1_000);
  }
  expect(levels()).toEqual(["info", "warn", "error", "error", "error"]);
  outage.answered();
  outage.answered();
  expect(levels().slice(5)).toEqual(["info"]);
});

test("the next outage starts quietly again", async () => {
  const { clock, outage, levels } = stage();
  outage.failed(new Error("no"));
  await clock.advance(70_000);
  outage.failed(new Error("no"));
  outage.answered();
  outage.failed(new Error("no"));
  expect(levels()).toEqual(["info", "error", "info", "info"]);
});

test("the gauge is 0 until the first answer, and while calls fail; the last error is kept for the start to name", () => {
  const { outage, available } = stage();
  outage.answered();
  outage.failed(new Error("one"));
  outage.failed(new Error("two"));
  expect(outage.error?.message).toBe("two");
  outage.answered();
  expect(outage.error).toBeUndefined();
  expect(available).toEqual([0, 1, 0, 0, 1]);
});
