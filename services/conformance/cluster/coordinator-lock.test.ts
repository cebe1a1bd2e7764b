import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runCoordinatorLock } from "./coordinator-lock-scenario.ts";

test("while the file by which nodes find one another is locked, sends, pushes and attaches go on", {
  timeout: 240_000,
}, async () => {
  // Longer than a lease, and with ten times the time that is aimed at, so that it only finds hangs.
  const report = await runCoordinatorLock({ seconds: 12, users: 12, seed: 3, outageMsMax: 10_000 });
  expect(problemsOf(report)).toEqual([]);
});
