import { describe, expect, test } from "vitest";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { drawPlan } from "../testkit/sim/sim-plan.ts";
import { isGood, runSimulation, type SimRunOptions } from "../testkit/sim/sim-run.ts";
import { describeFailure, missingTrouble, simulateSeeds } from "../testkit/sim/simulate-seeds.ts";
import { restores } from "./fixtures/planted-defects.ts";
import { regressions } from "./fixtures/sim-regressions.ts";
import { createNodeCore, type NodeCoreOptions } from "./node-core.ts";

const production: SimRunOptions = { validateMessage: createMessageValidator(), createCore: createNodeCore };

/** The series takes this long, or as many seeds; a machine on which fewer than the least fit is too slow to prove anything. */
const seriesMs = 150_000;
const seedsMax = 500;
const seedsMin = 100;

describe("clusters of whole nodes in simulation", () => {
  test("are production's core on ports that are replaced, and on nothing else", async () => {
    const seen: NodeCoreOptions[] = [];
    await runSimulation(drawPlan(1, { nodes: 1, endMs: 3_000, faults: [] }), {
      ...production,
      createCore: (options) => {
        seen.push(options);
        return createNodeCore(options);
      },
    });
    const replaced = [
      "clock",
      "coordinator",
      "failureOf",
      "logger",
      "metrics",
      "rng",
      "store",
      "tokens",
      "transport",
    ];
    const plain = ["drainMsMax", "limits", "node", "validateMessage"];
    expect(seen.flatMap((options) => Object.keys(options).toSorted())).toEqual(
      [...replaced, ...plain].toSorted(),
    );
  });

  test("keep what they promise", { timeout: 2 * seriesMs }, async () => {
    const startMs = performance.now();
    const isOver = (): boolean => performance.now() - startMs > seriesMs;
    const series = await simulateSeeds({ ...production, firstSeed: 1, seedsMax, isOver });
    expect(series.failed === undefined ? "" : describeFailure(series.failed)).toBe("");
    expect(series.unrepeatable).toBeUndefined();
    expect(series.seeds).toBeGreaterThanOrEqual(seedsMin);
    expect(missingTrouble(series)).toEqual([]);
  });

  test("keep what a copy of the store has when the store is put back to it, and lose only what is younger", async () => {
    const series = await simulateSeeds({ ...production, firstSeed: 1, seedsMax: 10, changes: restores });
    expect(series.failed === undefined ? "" : describeFailure(series.failed)).toBe("");
    expect(series.totals.restores).toBeGreaterThanOrEqual(10);
  });

  test.each(regressions)("keep what seed $seed once showed broken: $what", async ({ seed, changes }) => {
    const report = await runSimulation(drawPlan(seed, changes), production);
    expect(isGood(report) ? "" : describeFailure(report)).toBe("");
  });

  test("do the same again for the same seed, and something else for another one", async () => {
    const hashes = [];
    for (const seed of [3, 3, 4]) hashes.push((await runSimulation(drawPlan(seed), production)).hash);
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });
});
