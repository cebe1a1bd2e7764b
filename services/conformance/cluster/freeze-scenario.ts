import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkOutage,
  describeBefore,
  describeOutage,
  describeRun,
  describeTrouble,
} from "./cluster-figures.ts";
import type { ClusterMember } from "./cluster-load.ts";
import { type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";
import {
  type Absence,
  longestSilence,
  type Outage,
  outageAround,
  outageWindowMs,
  type PlacedRun,
} from "./outage.ts";

/** From the start of the load to the first freeze, in milliseconds. */
const restMs = 3_000;

/**
 * From a burst of all users to the freeze, at most, for one freeze after the other; in milliseconds. The sooner, the
 * likelier the node holds the store's lock: both cases are wanted.
 */
const freezeAfterMsMax = [150, 150, 20, 20] as const;

/** From the freeze to the moment at which half of the node's devices turn to other nodes, in milliseconds. */
const leaveAfterMs = 1_000;

/** When nobody was acknowledged for this part of a freeze, the store was away with the node. */
const silentPartMax = 0.9;

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface ClusterFreezeOptions extends RunOptions {
  /** How long each freeze lasts, one after the other, in seconds. */
  readonly freezesSeconds: readonly number[];
  /** From each thaw to the next freeze or the end, in seconds. */
  readonly calmSeconds: number;
  /**
   * What the 99th percentile of the outage may be for clients of other nodes, when the store was left, in milliseconds;
   * undefined: told and not judged.
   */
  readonly outageMsMax: number | undefined;
  readonly progress?: Progress;
}

interface Freeze extends Absence {
  /** Sends without an outcome at the freeze and at the thaw. */
  readonly underWay: number;
  readonly underWayAtThaw: number;
  /** Devices that were attached to it, and those of them that left while it was frozen. */
  readonly devices: number;
  readonly left: number;
}

/**
 * Stops a random one of three nodes in the middle of the load, and lets it go on much later. Half of its devices attach
 * elsewhere meanwhile and repeat what it has not answered, so that it wakes up with work that others have done.
 */
export async function runClusterFreeze(options: ClusterFreezeOptions): Promise<ScenarioReport> {
  const { outcome, told: freezes } = await runUnderLoad({ ...options, leaveBehind: true }, (running) =>
    freezeAll(running, options),
  );
  const run = { sends: outcome.load.placed, absences: freezes };
  const around = (moments: readonly number[]): Outage => outageAround(moments, outageWindowMs, run);
  const isAway = (freeze: Freeze): boolean => wasStoreAway(freeze, run);
  const withStore = freezes.filter((freeze) => !isAway(freeze)).map(({ beganMs }) => beganMs);
  const withoutStore = freezes.filter(isAway).map(({ beganMs }) => beganMs);
  const thaws = freezes.map(({ endedMs }) => endedMs);
  const window = `within ${outageWindowMs / 1000} s of`;
  return {
    findings: [...outcome.findings, ...checkOutage(around(withStore).elsewhere, options.outageMsMax)],
    figures: [
      ["SIGSTOP of a random node, then SIGCONT", `${freezes.length} times, seed ${options.seed}`],
      ...freezes.map((freeze, index) => [`freeze ${index + 1}`, describeFreeze(freeze, run)] as const),
      ...describeRun(outcome),
      describeBefore(around(thaws)),
      ...describeOutage(`${window} a freeze that left the store`, around(withStore)),
      ...describeOutage(`${window} a freeze that took the store along`, around(withoutStore)),
      ...describeOutage(`${window} a thaw`, around(thaws)),
    ],
    void: [
      ...freezes.flatMap(({ nodeId, left }) =>
        left > 0 ? [] : [`no device left ${nodeId} while it was frozen`],
      ),
      ...describeTrouble(outcome),
    ],
  };
}

async function freezeAll(
  running: RunningCluster,
  { freezesSeconds, calmSeconds, progress }: ClusterFreezeOptions,
): Promise<Freeze[]> {
  const freezes: Freeze[] = [];
  await pause(restMs);
  for (const [index, seconds] of freezesSeconds.entries()) {
    running.load.burst();
    await pause(running.rng.fraction() * (freezeAfterMsMax[index % freezeAfterMsMax.length] ?? 0));
    const freeze = await freezeOnce(running, seconds * 1000);
    freezes.push(freeze);
    const { nodeId, underWay, underWayAtThaw } = freeze;
    progress?.(
      `${nodeId} frozen for ${seconds} s, ${underWay} sends under way, ${underWayAtThaw} at the thaw`,
    );
    await pause(calmSeconds * 1000);
  }
  return freezes;
}

async function freezeOnce({ cluster, members, load, rng }: RunningCluster, ms: number): Promise<Freeze> {
  const attachedAt = (id: string): ClusterMember[] =>
    members.filter(({ roaming, device }) => roaming.nodeId === id && device.isOpen);
  // One that has devices: what matters is what becomes of them.
  const { nodeId, process: victim } = rng.pick(
    cluster.nodes.filter((node) => attachedAt(node.nodeId).length > 0),
  );
  const attached = attachedAt(nodeId);
  const underWay = load.journal.unsettled;
  const beganMs = performance.now();
  process.kill(victim.pid, "SIGSTOP");
  await pause(leaveAfterMs);
  const left = attached.filter(({ device }, index) => index % 2 === 0 && device.cut()).length;
  await pause(ms - leaveAfterMs);
  const underWayAtThaw = load.journal.unsettled;
  process.kill(victim.pid, "SIGCONT");
  const endedMs = performance.now();
  return { nodeId, beganMs, endedMs, underWay, underWayAtThaw, devices: attached.length, left };
}

/** Whether it held the store's lock: hardly anything was acknowledged anywhere while it was frozen. */
function wasStoreAway(freeze: Freeze, run: PlacedRun): boolean {
  return longestSilence(freeze, run) > silentPartMax * (freeze.endedMs - freeze.beganMs);
}

function describeFreeze(freeze: Freeze, run: PlacedRun): string {
  const seconds = ((freeze.endedMs - freeze.beganMs) / 1000).toFixed(0);
  const silence = `longest silence at the others ${Math.round(longestSilence(freeze, run))} ms`;
  return [
    `${freeze.nodeId} for ${seconds} s`,
    `${freeze.left} of its ${freeze.devices} devices left`,
    `${freeze.underWay} sends under way, ${freeze.underWayAtThaw} at the thaw`,
    `${silence}${wasStoreAway(freeze, run) ? ": it held the store" : ""}`,
  ].join("; ");
}
