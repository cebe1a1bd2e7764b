import { expect, test } from "vitest";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { problemsOf } from "../harness/scenario-report.ts";
import { runBackendCut } from "./backend-cut-scenario.ts";
import { isGiven, missingForServers } from "./backends.ts";

suiteWithout(missingForServers())("three nodes on etcd and MongoDB", () => {
  test.skipIf(isGiven("store") || isGiven("coordinator"))(
    "go on when one of them is cut off from MongoDB alone, and from etcd alone",
    {
      timeout: 240_000,
    },
    async () => {
      // Longer than a lease. Ten times what is aimed at would be longer than a cut, so that it would prove nothing.
      const report = await runBackendCut({
        cuts: [
          { from: "store", seconds: 20 },
          { from: "coordinator", seconds: 14 },
        ],
        calmSeconds: 4,
        outageMsMax: 15_000,
        users: 9,
        seed: 3,
        pauseFactor: 2,
      });
      expect(problemsOf(report)).toEqual([]);
    },
  );
});
