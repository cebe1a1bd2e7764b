import { expect, test } from "vitest";
import { problemsOf } from "../harness/scenario-report.ts";
import { runCommitFreeze } from "./commit-freeze-scenario.ts";

test("a node that stands still with the store's write lock does no harm, whether it goes on or is killed", {
  timeout: 240_000,
}, async () => {
  const freezes = [
    { seconds: 5, end: "thaw" },
    { seconds: 4, end: "kill" },
  ] as const;
  // Ten times what is seen on a quiet machine, so that it only finds hangs on one that does other things too.
  const report = await runCommitFreeze({ freezes, calmSeconds: 3, users: 12, seed: 3, backMsMax: 20_000 });
  expect(problemsOf(report)).toEqual([]);
});
