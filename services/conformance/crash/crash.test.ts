import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runCrash } from "./crash-scenario.ts";

test("kill -9 under load loses no acknowledged message, and every device converges", {
  timeout: 150_000,
}, async () => {
  const report = await runCrash({ rounds: 4, users: 8, seed: 3 });
  expect(problemsOf(report)).toEqual([]);
});
