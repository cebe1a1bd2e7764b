import { parseArgs } from "node:util";
import { createNodeCore } from "../node/node-core.ts";
import { createMessageValidator } from "../rpc/message-validator.ts";
import { isGood, type SimReport } from "./sim/sim-run.ts";
import { describeFailure, missingTrouble, type SeriesReport, simulateSeeds } from "./sim/simulate-seeds.ts";

/** Exit codes: nothing found, something found or nothing proven, wrong usage. */
const exitCodes = { good: 0, failed: 1, usage: 2 } as const;

const usage = `Simulates clusters of whole nodes with clients and faults in virtual time, one for each seed, and checks what
they promise. Ends at the first seed that finds something.

Usage: npm run simulate -- [options]

  --first-seed NUMBER  where to begin (1)
  --seeds NUMBER       how many seeds (500)
  --minutes NUMBER     end after so many minutes at the latest (no limit)
  --verbose            a line for each seed
  --help               this text

Exit codes: 0 nothing found, 1 something found or the series met too little trouble, 2 wrong usage.
`;

/** A series this short is there to look at a seed, so that it need not meet anything. */
const seedsOfProofMin = 20;

const progressMs = 10_000;

interface Choice {
  readonly firstSeed: number;
  readonly seedsMax: number;
  readonly minutes: number;
  readonly isVerbose: boolean;
}

function parseChoice(): Choice | string {
  const { values } = parseArgs({
    options: {
      "first-seed": { type: "string", default: "1" },
      seeds: { type: "string", default: "500" },
      minutes: { type: "string", default: "Infinity" },
      verbose: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return usage;
  const [firstSeed, seedsMax] = [Number(values["first-seed"]), Number(values.seeds)];
  const minutes = Number(values.minutes);
  if (!Number.isSafeInteger(firstSeed) || firstSeed < 1)
    throw new Error(`--first-seed ${values["first-seed"]} must be a whole number from 1`);
  if (!Number.isSafeInteger(seedsMax) || seedsMax < 1)
    throw new Error(`--seeds ${values.seeds} must be a whole number from 1`);
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes} must be a number above 0`);
  return { firstSeed, seedsMax, minutes, isVerbose: values.verbose };
}

function lineOf(report: SimReport): string {
  const { plan, counts, hash } = report;
  const { convergeMs } = counts;
  return [
    `seed ${plan.seed}`,
    isGood(report) ? "good" : "FOUND SOMETHING",
    `${plan.mode}, ${plan.nodes} nodes, ${plan.clients} devices, ${plan.storeKind}`,
    `${counts.sends} sends, ${counts.entries} entries, ${counts.faults} faults`,
    `${counts.unknownOutcomes} unknown, ${counts.takeovers} takeovers, ${counts.gapRepairs} gap repairs`,
    convergeMs === undefined ? "" : `converged in ${Math.round(convergeMs)} ms`,
    hash,
  ]
    .filter((part) => part !== "")
    .join("; ");
}

function summaryOf({ seeds, totals, convergeMs }: SeriesReport): string {
  const at = (part: number): number => Math.round(convergeMs[Math.floor(convergeMs.length * part)] ?? 0);
  return [
    `${seeds} seeds: ${totals.sends} sends, ${totals.entries} entries, ${totals.faults} faults, ${totals.events} events`,
    `${totals.unknownOutcomes} unknown outcomes, ${totals.takeovers} takeovers, ${totals.gapRepairs} gap repairs, ${totals.restores} restores`,
    `convergence after the last fault, in virtual time: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  ].join("\n");
}

async function simulate({ firstSeed, seedsMax, minutes, isVerbose }: Choice): Promise<number> {
  const startMs = performance.now();
  const elapsedMs = (): number => performance.now() - startMs;
  let [seeds, nextMs] = [0, progressMs];
  const series = await simulateSeeds({
    firstSeed,
    seedsMax,
    validateMessage: createMessageValidator(),
    createCore: createNodeCore,
    isOver: () => elapsedMs() > minutes * 60_000,
    onReport: (report) => {
      seeds += 1;
      if (isVerbose) process.stdout.write(`${lineOf(report)}\n`);
      else if (elapsedMs() > nextMs) {
        nextMs = elapsedMs() + progressMs;
        process.stdout.write(`${seeds} seeds, ${Math.round(elapsedMs() / 1_000)} s\n`);
      }
    },
  });
  process.stdout.write(`${summaryOf(series)}\n${Math.round(elapsedMs() / 1_000)} s\n`);
  const problems = problemsOf(series);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  return problems.length > 0 ? exitCodes.failed : exitCodes.good;
}

function problemsOf(series: SeriesReport): string[] {
  const { failed, unrepeatable, seeds } = series;
  const missing = seeds < seedsOfProofMin ? [] : missingTrouble(series);
  return [
    ...(failed === undefined ? [] : [describeFailure(failed)]),
    ...(unrepeatable === undefined ? [] : [`two runs of seed ${unrepeatable} differed`]),
    ...(missing.length === 0 ? [] : [`void: the series met only ${missing.join(", ")}`]),
  ];
}

try {
  const choice = parseChoice();
  if (typeof choice === "string") process.stdout.write(choice);
  else process.exitCode = await simulate(choice);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCodes.usage;
}
