import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkOutage,
  describeBefore,
  describeOutage,
  describeRun,
  describeTrouble,
} from "./cluster-figures.ts";
import { ownerOf, type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";
import { type ClusterNode, idPrefixes } from "./node-cluster.ts";
import { type Absence, outageAround, outageWindowMs, tooFewSends } from "./outage.ts";

/** From one kill to the next, in milliseconds. */
const killEveryMs = 5_000;

/** At least so long all nodes run between two kills, however slow a start was; in milliseconds. */
const restMs = 1_000;

/** From a burst of all users to the kill, at most; in milliseconds. Some of it is on its way then, some committed. */
const killAfterMsMax = 30;

/**
 * The moment of a kill: at random in a burst, or between the commit of an entry and all that follows from it, of which
 * the other nodes then know nothing yet.
 */
export type KillMoment = "in a burst" | "after a commit in a group" | "after a direct commit";

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface ClusterKillOptions extends RunOptions {
  readonly rounds: number;
  /** In turn. */
  readonly moments: readonly KillMoment[];
  /**
   * What the 99th percentile of the outage may be for clients of nodes that live, in milliseconds;
   * undefined: told and not judged.
   */
  readonly outageMsMax: number | undefined;
  readonly progress?: Progress;
}

interface Kill extends Absence {
  /** Sends without an outcome at the kill. */
  readonly underWay: number;
}

/**
 * Kills a random one of three nodes again and again under load, and starts it again at once on the directory that they
 * share. The users of all nodes go on with the same message ids, at other nodes.
 */
export async function runClusterKill(options: ClusterKillOptions): Promise<ScenarioReport> {
  const { outcome, told: kills } = await runUnderLoad(options, (running) => killAll(running, options));
  const moments = kills.map(({ beganMs }) => beganMs);
  const outage = outageAround(moments, outageWindowMs, { sends: outcome.load.placed, absences: kills });
  const readyMs = kills.map(({ beganMs, endedMs }) => endedMs - beganMs);
  const underWay = kills.reduce((sum, kill) => sum + kill.underWay, 0);
  return {
    findings: [...outcome.findings, ...checkOutage(outage.elsewhere, options.outageMsMax)],
    figures: [
      [
        `kill -9 of a random node, ${options.moments.join(", ")}`,
        `${kills.length} times, every ${killEveryMs / 1000} s, seed ${options.seed}`,
      ],
      ["which", kills.map(({ nodeId }) => nodeId).join(", ")],
      ["sends under way at the kills", `${underWay}`],
      ["worst time from the kill to ready again", `${Math.round(Math.max(...readyMs))} ms`],
      ...describeRun(outcome),
      describeBefore(outage),
      ...describeOutage(`within ${outageWindowMs / 1000} s of a kill`, outage),
    ],
    void: [
      ...(underWay < kills.length ? ["too few sends were under way at the kills"] : []),
      ...(outcome.tallies.some(({ lost }) => lost > 0) ? [] : ["no device lost its stream"]),
      ...(tooFewSends(outage.elsewhere, options.outageMsMax)
        ? ["too few sends of clients of other nodes"]
        : []),
      ...describeTrouble(outcome),
    ],
  };
}

async function killAll(
  running: RunningCluster,
  { rounds, moments, progress }: ClusterKillOptions,
): Promise<Kill[]> {
  const { load } = running;
  const kills: Kill[] = [];
  let nextMs = performance.now() + killEveryMs;
  for (let round = 1; round <= rounds; round += 1) {
    await pause(Math.max(restMs, nextMs - performance.now()));
    nextMs = performance.now() + killEveryMs;
    const moment = moments[(round - 1) % moments.length] ?? "in a burst";
    const node = await pickVictim(moment, running);
    load.burst();
    const { beganMs, underWay } = await killAt(moment, node, running);
    await node.process.restart();
    kills.push({ nodeId: node.nodeId, underWay, beganMs, endedMs: performance.now() });
    const sent = load.journal.sends.length;
    progress?.(
      `round ${round}: ${node.nodeId} killed ${moment} with ${underWay} sends under way, ${sent} so far`,
    );
  }
  // What began after the last kill is part of what is measured.
  await pause(Math.max(restMs, nextMs - performance.now()));
  return kills;
}

/** Any node, or the owner of any conversation of the kind: others may have nothing to commit. */
async function pickVictim(moment: KillMoment, running: RunningCluster): Promise<ClusterNode> {
  const { cluster, members, rng } = running;
  if (moment === "in a burst") return rng.pick(cluster.nodes);
  const prefix = idPrefixes[kindOf(moment)];
  const ids = members.flatMap(({ conversations }) => conversations.filter((id) => id.startsWith(prefix)));
  return ownerOf(running, rng.pick(ids));
}

/** Resolves when the process has ended. */
async function killAt(
  moment: KillMoment,
  node: ClusterNode,
  { load, rng }: RunningCluster,
): Promise<Pick<Kill, "beganMs" | "underWay">> {
  if (moment === "in a burst") {
    await pause(rng.fraction() * killAfterMsMax);
    const killed = { beganMs: performance.now(), underWay: load.journal.unsettled };
    await node.process.kill("SIGKILL");
    return killed;
  }
  await node.dieAfterCommit(kindOf(moment));
  return { beganMs: performance.now(), underWay: load.journal.unsettled };
}

function kindOf(moment: KillMoment): "group" | "direct" {
  return moment === "after a direct commit" ? "direct" : "group";
}
