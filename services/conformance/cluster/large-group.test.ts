import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runLargeGroup } from "./large-group-scenario.ts";

test("a group at two nodes gets every message, and a crowd that comes and goes at once is served after retries", {
  timeout: 240_000,
}, async () => {
  const report = await runLargeGroup({
    members: 100,
    crowd: 200,
    rates: [10],
    secondsPerRate: 3,
    attachesPerSecond: 40,
  });
  expect(problemsOf(report)).toEqual([]);
});
