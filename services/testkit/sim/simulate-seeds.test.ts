import { expect, test } from "vitest";
import { createNodeCore } from "../../node/node-core.ts";
import { createMessageValidator } from "../../rpc/message-validator.ts";
import type { SimReport } from "./sim-run.ts";
import { describeFailure, missingTrouble, simulateSeeds } from "./simulate-seeds.ts";

const short = {
  validateMessage: createMessageValidator(),
  createCore: createNodeCore,
  changes: { endMs: 4_000, clients: 2, nodes: 1, faults: [] },
};

test("a series runs each seed, one of fifty twice, and ends when it is told to", async () => {
  const seeds: number[] = [];
  const onReport = ({ plan }: SimReport): void => void seeds.push(plan.seed);
  const series = await simulateSeeds({ ...short, firstSeed: 49, seedsMax: 3, onReport });
  expect([series.seeds, seeds, series.failed, series.unrepeatable]).toEqual([
    3,
    [49, 50, 51],
    undefined,
    undefined,
  ]);
  const isOver = (): boolean => seeds.length >= 4;
  expect((await simulateSeeds({ ...short, firstSeed: 1, seedsMax: 9, isOver, onReport })).seeds).toBe(1);
});

test("a series that met too little trouble says what is missing", async () => {
  const series = await simulateSeeds({ ...short, firstSeed: 1, seedsMax: 1 });
  expect(missingTrouble(series)).toHaveLength(3);
  const totals = { ...series.totals, unknownOutcomes: 20, takeovers: 5, gapRepairs: 4 };
  expect(missingTrouble({ ...series, totals })).toEqual(["4 of 5 gap repairs"]);
});

test("a failure ends the series, and tells the seed, what was found, and how to see it again", async () => {
  const series = await simulateSeeds({
    ...short,
    firstSeed: 7,
    seedsMax: 3,
    createCore: () => Promise.reject(new Error("planted: no node starts")),
    changes: { ...short.changes, mode: "liveness" },
  });
  expect(series.seeds).toBe(1);
  if (series.failed === undefined) throw new Error("a cluster without nodes settles nothing");
  const text = describeFailure(series.failed);
  expect(text).toMatch(/^seed 7 found something\nliveness: 1 nodes, 2 devices/);
  expect(text).toMatch(/every send settled: \d+ violations/);
  expect(text).toMatch(/npm run simulate -- --first-seed 7 --seeds 1$/);
});
