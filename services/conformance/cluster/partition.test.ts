import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runPartition } from "./partition-scenario.ts";

test("a node that is cut off, both ways or one way, does no harm, says so, and comes back by itself", {
  timeout: 300_000,
}, async () => {
  const report = await runPartition({
    cuts: [
      { kind: "both ways", seconds: 6 },
      { kind: "from it", seconds: 6 },
    ],
    calmSeconds: 2,
    users: 12,
    seed: 3,
    // Ten times what is aimed at, so that it only finds hangs on a machine that does other things too.
    outageMsMax: 50_000,
  });
  expect(problemsOf(report)).toEqual([]);
});
