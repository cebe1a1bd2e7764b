import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runReconnect } from "./reconnect-scenario.ts";

test("a device that drops at random moments sees each entry once, in order, without a gap", {
  timeout: 150_000,
}, async () => {
  const report = await runReconnect({ drops: 20, entries: 1_000, seed: 5 });
  expect(problemsOf(report)).toEqual([]);
});
