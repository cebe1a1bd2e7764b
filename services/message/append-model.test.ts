import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planAfter } from "./batch-outcome.ts";
import { type ModelRun, type PlantedDefects, runAppendModel } from "./fixtures/append-model.ts";
import { createLogWithoutClientIndex } from "./fixtures/log-without-client-index.ts";
import { nextStep } from "./sequencer.ts";

const runs: fc.Arbitrary<ModelRun> = fc.record({
  seed: fc.integer(),
  owners: fc.integer({ min: 1, max: 3 }),
  commands: fc.integer({ min: 1, max: 60 }),
  faultRate: fc.constantFrom(0, 0.1, 0.4),
  spreadMs: fc.constantFrom(50, 300, 2_000),
  lostRate: fc.constantFrom(0, 0.1, 0.3),
  takeovers: fc.constantFrom(0, 2, 5),
  store: fc.constantFrom("memory" as const, "sqlite" as const),
});

/** Runs until the checker sees something, or the commands never end; answers what it saw in that run. */
async function firstFinding(plant: () => PlantedDefects, runsMax: number): Promise<string | undefined> {
  for (let seed = 1; seed <= runsMax; seed += 1) {
    const rates = { faultRate: 0.2, lostRate: 0.3, spreadMs: 300 };
    const run = {
      seed,
      owners: 1 + (seed % 3),
      commands: 50,
      takeovers: 1,
      store: "memory",
      ...rates,
    } as const;
    try {
      const { violations } = await runAppendModel(run, plant());
      if (violations.length > 0) return violations.join("; ");
    } catch (error) {
      return String(error);
    }
  }
  return undefined;
}

describe("appenders that share a faulty store", () => {
  test("keep every promise, whatever the store does", { timeout: 60_000 }, async () => {
    let faults = 0;
    let entries = 0;
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const outcome = await runAppendModel(run);
        faults += outcome.faults;
        entries += outcome.entries;
        moved += outcome.moved;
        expect(outcome.violations).toEqual([]);
      }),
      { numRuns: 300 },
    );
    // A run that met few faults, or appended little, would prove nothing.
    expect(faults).toBeGreaterThan(200);
    expect(entries).toBeGreaterThan(1_000);
    expect(moved).toBeGreaterThan(500);
  });
});

describe("the checker of the append model", () => {
  test("sees an acknowledgement that leaves before the commit", async () => {
    const parts: PlantedDefects["parts"] = {
      planAfter: (items, outcome) => {
        const isDone = outcome.kind === "duplicate" || outcome.kind === "committed";
        return planAfter(items, isDone ? outcome : { kind: "committed", headsRaised: false });
      },
    };
    expect(await firstFinding(() => ({ parts }), 20)).toMatch(/not in the log|acknowledged|other bytes/);
  });

  test("sees a rejection that was not proved", async () => {
    const parts: PlantedDefects["parts"] = {
      nextStep: (tip, candidate, recent, limits) =>
        nextStep(tip, { ...candidate, proved: true }, recent, limits),
    };
    expect(await firstFinding(() => ({ parts }), 20)).toMatch(/was rejected as|in the log after|answered/);
  });

  test("sees a read-back that is skipped", { timeout: 60_000 }, async () => {
    const parts: PlantedDefects["parts"] = { readBack: async () => ({ rows: [], taken: [] }) };
    expect(await firstFinding(() => ({ parts }), 20)).toMatch(/in vain|was rejected as|published/);
  });

  test("sees a store without the unique index of client ids", async () => {
    const plant = (): PlantedDefects => ({ entries: createLogWithoutClientIndex() });
    expect(await firstFinding(plant, 20)).toMatch(/holds a client id twice|then with/);
  });

  test("sees rejections of repeated sends that no void row stands behind", { timeout: 60_000 }, async () => {
    const parts: PlantedDefects["parts"] = {
      nextStep: (tip, candidate, recent, limits) =>
        nextStep(tip, { ...candidate, command: { ...candidate.command, retry: false } }, recent, limits),
    };
    expect(await firstFinding(() => ({ parts }), 150)).toMatch(/then with|in the log after|was rejected as/);
  });

  test("sees a stream that goes on past a rejection which nobody heard", { timeout: 60_000 }, async () => {
    const parts: PlantedDefects["parts"] = {
      nextStep: (...given) => {
        const step = nextStep(...given);
        if (step.kind !== "void" || given[1].command.retry) return step;
        return { kind: "answer", result: { kind: "failed", fault: step.fault }, settled: true };
      },
    };
    expect(await firstFinding(() => ({ parts }), 400)).toMatch(/was appended in the order/);
  });
});
