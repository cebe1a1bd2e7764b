import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runClusterFreeze } from "./freeze-scenario.ts";

test("a node that was frozen for 8 s does no harm when it goes on, and every device converges", {
  timeout: 300_000,
}, async () => {
  // Ten times what is aimed at, so that it only finds hangs on a machine that does other things too.
  const size = { freezesSeconds: [8], calmSeconds: 3, users: 12, seed: 3, outageMsMax: 50_000 };
  const report = await runClusterFreeze(size);
  expect(problemsOf(report)).toEqual([]);
});
