import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runRolling } from "./rolling-scenario.ts";

test("a rolling restart loses nothing, is no error to those who retry, and disconnects nobody without a word", {
  timeout: 240_000,
}, async () => {
  expect(problemsOf(await runRolling({ rounds: 1, users: 12, seed: 3 }))).toEqual([]);
});
