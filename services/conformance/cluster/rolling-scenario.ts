import { type Finding, startFinding } from "../../history/finding.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkAllAcknowledged,
  describeBefore,
  describeFailures,
  describeOutage,
  describeRun,
} from "./cluster-figures.ts";
import { type ClusterOutcome, type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";
import { type Absence, outageAround, outageWindowMs } from "./outage.ts";

/** From the start of the load to the first restart, and from one to the next; in milliseconds. */
const restMs = 3_000;

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface RollingOptions extends RunOptions {
  /** How often all nodes are restarted, one after the other. */
  readonly rounds: number;
  readonly progress?: Progress;
}

interface Restart extends Absence {
  /** From SIGTERM to the end of the process, in milliseconds. */
  readonly drainMs: number;
  readonly exitCode: number | null;
}

/** Restarts each of three nodes by SIGTERM under load, as one does to bring a new version in. */
export async function runRolling(options: RollingOptions): Promise<ScenarioReport> {
  const { outcome, told: restarts } = await runUnderLoad(options, (running) => restartAll(running, options));
  const moments = restarts.map(({ beganMs }) => beganMs);
  const outage = outageAround(moments, outageWindowMs, { sends: outcome.load.placed, absences: restarts });
  const { tallies } = outcome;
  const moved = tallies.reduce((sum, tally) => sum + tally.moved, 0);
  return {
    findings: [
      ...outcome.findings,
      checkAllAcknowledged(outcome.load.journal.sends),
      checkAnnounced(outcome),
      checkCleanExits(restarts),
    ],
    figures: [
      ["SIGTERM and a new start, one node after the other", `${restarts.length} times, seed ${options.seed}`],
      [
        "from SIGTERM to the end of the process",
        restarts.map(({ drainMs }) => `${Math.round(drainMs)} ms`).join(", "),
      ],
      ["devices that were told to move, and did", `${moved}`],
      ...describeRun(outcome),
      describeBefore(outage),
      ...describeOutage(`within ${outageWindowMs / 1000} s of a SIGTERM`, outage),
    ],
    void: [...(moved === 0 ? ["no device was told to move"] : []), ...describeFailures(outcome.members)],
  };
}

async function restartAll(running: RunningCluster, options: RollingOptions): Promise<Restart[]> {
  const { cluster, load } = running;
  const restarts: Restart[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { nodeId, process } of cluster.nodes) {
      await pause(restMs);
      load.burst();
      const beganMs = performance.now();
      const { code } = await process.kill("SIGTERM");
      const drainMs = performance.now() - beganMs;
      await process.restart();
      const endedMs = performance.now();
      await cluster.linked();
      restarts.push({ nodeId, beganMs, endedMs, drainMs, exitCode: code });
      options.progress?.(`round ${round}: ${nodeId} ended after ${Math.round(drainMs)} ms and is back`);
    }
  }
  await pause(restMs);
  return restarts;
}

function checkAnnounced({ tallies, members }: ClusterOutcome): Finding {
  const finding = startFinding("no device is disconnected before it was told to move");
  for (const [index, { streams, unannounced }] of tallies.entries()) {
    for (let stream = 0; stream < streams; stream += 1) finding.examine();
    const handle = members[index]?.device.user.handle;
    if (unannounced > 0) finding.violate(`${handle} was, ${unannounced} times`);
  }
  return finding.finish();
}

function checkCleanExits(restarts: readonly Restart[]): Finding {
  const finding = startFinding("every node ends by itself, with code 0");
  for (const { nodeId, exitCode } of restarts) {
    finding.examine();
    if (exitCode !== 0) finding.violate(`${nodeId} ended with ${exitCode ?? "a signal"}`);
  }
  return finding.finish();
}
