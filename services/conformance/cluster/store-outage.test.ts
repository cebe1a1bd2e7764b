import { expect, test } from "vitest";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { problemsOf } from "../harness/scenario-report.ts";
import { isGiven, missingForServers } from "./backends.ts";
import { runStoreOutage } from "./store-outage-scenario.ts";

suiteWithout(missingForServers())("three nodes on etcd and MongoDB", () => {
  test.skipIf(isGiven("store"))(
    "refuse sends with a reason while MongoDB is away, killed or frozen, keep streams, and recover alone",
    {
      timeout: 240_000,
    },
    async () => {
      // With ten times the time that is aimed at, so that it only finds hangs.
      const report = await runStoreOutage({
        outages: [
          { harm: "killed", seconds: 8 },
          { harm: "frozen", seconds: 8 },
        ],
        calmSeconds: 5,
        returnMsMax: 100_000,
        users: 9,
        seed: 3,
        pauseFactor: 4,
      });
      expect(problemsOf(report)).toEqual([]);
    },
  );
});
