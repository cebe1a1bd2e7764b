import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkOutage,
  describeBefore,
  describeFailures,
  describeOutage,
  describeRun,
} from "./cluster-figures.ts";
import { type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";
import { type Absence, type Outage, outageAround, outageWindowMs, tooFewSends } from "./outage.ts";

/** From the start of the load to the first cut, in milliseconds. */
const restMs = 3_000;

/** From a burst of all users to the cut, at most, in milliseconds: some of it is on its way then. */
const cutAfterMsMax = 30;

/** One node loses sight of one backend, while all others see both. */
export interface BackendCut {
  readonly from: "store" | "coordinator";
  readonly seconds: number;
}

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface BackendCutOptions extends RunOptions {
  readonly cuts: readonly BackendCut[];
  /** From the end of each cut to the next one or the end, in seconds. */
  readonly calmSeconds: number;
  /** What the 99th percentile of the outage may be for clients of the other nodes, in milliseconds. */
  readonly outageMsMax: number;
  readonly progress?: Progress;
}

interface CutOff extends Absence, BackendCut {
  readonly underWay: number;
}

/** Cuts a random one of three nodes off from the store alone, or from the coordinator alone, in the middle of the load. */
export async function runBackendCut(options: BackendCutOptions): Promise<ScenarioReport> {
  const run = { ...options, backends: "servers" } as const;
  const { outcome, told: cuts } = await runUnderLoad(run, (running) => cutAll(running, options));
  const sends = outcome.load.placed;
  const around = (some: readonly CutOff[]): Outage =>
    outageAround(
      some.flatMap(({ beganMs, endedMs }) => [beganMs, endedMs]),
      outageWindowMs,
      { sends, absences: cuts },
    );
  const outage = around(cuts);
  return {
    findings: [...outcome.findings, ...checkOutage(outage.elsewhere, options.outageMsMax)],
    figures: [
      ["a random node cut off from one backend", `${cuts.length} times, seed ${options.seed}`],
      ...cuts.map((cut, index) => [`cut ${index + 1}`, describeCut(cut)] as const),
      ...describeRun(outcome),
      describeBefore(outage),
      ...cuts.flatMap((cut) => describeOutage(`around the cut from the ${cut.from}`, around([cut]))),
    ],
    void: [
      ...(tooFewSends(outage.elsewhere, options.outageMsMax)
        ? ["too few sends of clients of other nodes"]
        : []),
      ...describeFailures(outcome.members),
    ],
  };
}

async function cutAll(running: RunningCluster, options: BackendCutOptions): Promise<CutOff[]> {
  const done: CutOff[] = [];
  await pause(restMs);
  for (const cut of options.cuts) {
    const cutOff = await cutOnce(running, cut);
    done.push(cutOff);
    options.progress?.(describeCut(cutOff));
    await pause(options.calmSeconds * 1000);
  }
  return done;
}

async function cutOnce({ cluster, load, rng }: RunningCluster, cut: BackendCut): Promise<CutOff> {
  const { nodeId } = rng.pick(cluster.nodes);
  const path = cluster.backends?.pathOf(nodeId, cut.from);
  if (path === undefined) throw new Error("nodes on a shared directory cannot be cut off from it");
  load.burst();
  await pause(rng.fraction() * cutAfterMsMax);
  const underWay = load.journal.unsettled;
  const beganMs = performance.now();
  path.cut();
  await pause(cut.seconds * 1000);
  path.heal();
  return { ...cut, nodeId, beganMs, endedMs: performance.now(), underWay };
}

function describeCut({ nodeId, from, seconds, underWay }: CutOff): string {
  return `${nodeId} from the ${from} for ${seconds} s; ${underWay} sends under way`;
}
