import type { SimPlanChanges } from "./sim-plan.ts";
import { drawPlan } from "./sim-plan.ts";
import { isGood, runSimulation, type SimCounts, type SimReport, type SimRunOptions } from "./sim-run.ts";

/** Every so many seeds one runs twice, and both runs have to be the same to the last event. */
const repeatEvery = 50;

/** Below these a series met too little of what breaks clusters to prove anything. */
export const leastTrouble = { unknownOutcomes: 20, takeovers: 5, gapRepairs: 5 } as const;

/** What a series of seeds is like. */
export interface SeriesOptions extends SimRunOptions {
  readonly firstSeed: number;
  readonly seedsMax: number;
  /** Asked before each seed; the series ends when it says so. */
  readonly isOver?: () => boolean;
  readonly changes?: SimPlanChanges;
  /** Called after each seed. */
  readonly onReport?: (report: SimReport) => void;
}

/** What a series of seeds came to. */
export interface SeriesReport {
  readonly seeds: number;
  /** The first seed that found something, at which the series ended. */
  readonly failed: SimReport | undefined;
  /** The first seed of which two runs differed, at which the series ended. */
  readonly unrepeatable: number | undefined;
  /** Of all seeds together. */
  readonly totals: Pick<SimCounts, CountName>;
  /** Virtual milliseconds from the end of all faults until everything had converged, rising. */
  readonly convergeMs: readonly number[];
}

type CountName =
  | "events"
  | "sends"
  | "entries"
  | "unknownOutcomes"
  | "takeovers"
  | "gapRepairs"
  | "faults"
  | "restores";

const countNames: readonly CountName[] = [
  "events",
  "sends",
  "entries",
  "unknownOutcomes",
  "takeovers",
  "gapRepairs",
  "faults",
  "restores",
];

/** Runs one seed after the other until one finds something. Rejects when a simulation itself fails. */
export async function simulateSeeds(options: SeriesOptions): Promise<SeriesReport> {
  const { firstSeed, seedsMax, isOver, changes, onReport } = options;
  const totals: Record<CountName, number> = {
    events: 0,
    sends: 0,
    entries: 0,
    unknownOutcomes: 0,
    takeovers: 0,
    gapRepairs: 0,
    faults: 0,
    restores: 0,
  };
  const convergeMs: number[] = [];
  const done = (seeds: number, wrong: Partial<SeriesReport> = {}): SeriesReport => ({
    seeds,
    failed: undefined,
    unrepeatable: undefined,
    totals,
    convergeMs: convergeMs.toSorted((one, other) => one - other),
    ...wrong,
  });
  for (let index = 0; index < seedsMax; index += 1) {
    if (isOver?.() === true) return done(index);
    const plan = drawPlan(firstSeed + index, changes);
    const report = await runSimulation(plan, options);
    for (const name of countNames) totals[name] += report.counts[name];
    if (report.counts.convergeMs !== undefined) convergeMs.push(report.counts.convergeMs);
    onReport?.(report);
    if (!isGood(report)) return done(index + 1, { failed: report });
    if (plan.seed % repeatEvery !== 0) continue;
    const again = await runSimulation(plan, options);
    if (again.hash !== report.hash) return done(index + 1, { unrepeatable: plan.seed });
  }
  return done(seedsMax);
}

/** What a series met too little of; empty when it is enough. */
export function missingTrouble({ totals }: SeriesReport): string[] {
  const kinds = [
    ["unknown outcomes", totals.unknownOutcomes, leastTrouble.unknownOutcomes],
    ["takeovers", totals.takeovers, leastTrouble.takeovers],
    ["gap repairs", totals.gapRepairs, leastTrouble.gapRepairs],
  ] as const;
  return kinds
    .filter(([, met, least]) => met < least)
    .map(([what, met, least]) => `${met} of ${least} ${what}`);
}

/** Of each kind of finding, so many are told. */
const violationsToldMax = 5;

/** What a seed found, and how to see it again, for people. */
export function describeFailure(report: SimReport): string {
  const { plan, findings, complaints, open, log } = report;
  const { seed, mode, nodes, clients, accounts, groups, storeKind, faults } = plan;
  const found = findings
    .filter(({ violations }) => violations.length > 0)
    .flatMap(({ check, violations }) => [
      `${check}: ${violations.length} violations`,
      ...violations.slice(0, violationsToldMax).map((violation) => `  ${violation}`),
    ]);
  return [
    `seed ${seed} found something`,
    `${mode}: ${nodes} nodes, ${clients} devices of ${accounts} accounts, ${groups} groups, a store like ${storeKind}`,
    `faults: ${faults.join(", ") || "none"}`,
    ...found,
    ...complaints.slice(0, violationsToldMax),
    ...open,
    "the last of the log:",
    ...log.slice(-20),
    `see it again: npm run simulate -- --first-seed ${seed} --seeds 1`,
  ].join("\n");
}
