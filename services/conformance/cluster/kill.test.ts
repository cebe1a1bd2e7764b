import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runClusterKill } from "./kill-scenario.ts";

test("kill -9 of nodes under load loses no acknowledged message at the others, and every device converges", {
  timeout: 240_000,
}, async () => {
  // Ten times what is aimed at, so that it only finds hangs on a machine that does other things too.
  const report = await runClusterKill({
    rounds: 3,
    moments: ["in a burst", "after a commit in a group", "after a direct commit"],
    users: 12,
    seed: 3,
    outageMsMax: 10_000,
    awaitRest: true,
  });
  expect(problemsOf(report)).toEqual([]);
});
