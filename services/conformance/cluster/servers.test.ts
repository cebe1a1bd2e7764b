import { expect, test } from "vitest";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { problemsOf, type ScenarioReport } from "../harness/scenario-report.ts";
import { missingForServers, ofMongo } from "./backends.ts";
import { runClusterFreeze } from "./freeze-scenario.ts";
import { runClusterKill } from "./kill-scenario.ts";
import { runPartition } from "./partition-scenario.ts";
import { runRolling } from "./rolling-scenario.ts";

/** Few entries: the stand-in for MongoDB looks through all of them at each read of a range. */
const size = { backends: "servers", users: 12, pauseFactor: 1.5, seed: 3 } as const;

/**
 * Times are ten times what is aimed at, so that they only find hangs; after a kill or a cut the stand-in may not keep even
 * those.
 */
const scenarios: Readonly<Record<string, () => Promise<ScenarioReport>>> = {
  "lose nothing by kill -9 of one, exactly between commit and push too": () =>
    runClusterKill({
      ...size,
      rounds: 3,
      moments: ["in a burst", "after a commit in a group", "after a direct commit"],
      outageMsMax: ofMongo(10_000),
    }),
  "take no harm from one that was frozen for 8 s": () =>
    runClusterFreeze({ ...size, freezesSeconds: [8], calmSeconds: 3, outageMsMax: 50_000 }),
  "go on when one is cut off from the others, and it says so": () =>
    runPartition({
      ...size,
      cuts: [
        { kind: "both ways", seconds: 6 },
        { kind: "to it", seconds: 6 },
      ],
      calmSeconds: 2,
      outageMsMax: ofMongo(50_000),
    }),
  "are restarted one after the other without an error": () => runRolling({ ...size, rounds: 1 }),
};

suiteWithout(missingForServers())("three nodes on etcd and MongoDB", () => {
  test.each(Object.entries(scenarios))("%s", { timeout: 300_000 }, async (_, run) => {
    expect(problemsOf(await run())).toEqual([]);
  });
});
