import { describe, expect, test } from "vitest";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { problemsOf } from "../harness/scenario-report.ts";
import { isGiven, missingForServers } from "./backends.ts";
import { runCoordinatorOutage } from "./coordinator-outage-scenario.ts";

/** Longer than a lease, and with ten times the time that is aimed at, so that it only finds hangs. */
const size = { seconds: 12, seed: 3, outageMsMax: 10_000 };

describe("three nodes on one directory", () => {
  test("send, push and attach while the file by which they find one another is locked", {
    timeout: 240_000,
  }, async () => {
    const report = await runCoordinatorOutage({ ...size, users: 12 });
    expect(problemsOf(report)).toEqual([]);
  });
});

suiteWithout(missingForServers())("three nodes on etcd and MongoDB", () => {
  test.skipIf(isGiven("coordinator"))(
    "send, push and attach while etcd is dead",
    { timeout: 240_000 },
    async () => {
      const report = await runCoordinatorOutage({ ...size, backends: "servers", users: 9, pauseFactor: 3 });
      expect(problemsOf(report)).toEqual([]);
    },
  );
});
