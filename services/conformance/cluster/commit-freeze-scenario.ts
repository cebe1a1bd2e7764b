import { type Finding, startFinding } from "../../history/finding.ts";
import type { SendRecord } from "../../history/history.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkAllAcknowledged,
  describeBefore,
  describeOutage,
  describeRun,
  describeTrouble,
} from "./cluster-figures.ts";
import { ownerOf, type RunningCluster, runUnderLoad } from "./cluster-run.ts";
import { type ClusterNode, idPrefixes } from "./node-cluster.ts";
import { type Absence, outageAround, outageWindowMs } from "./outage.ts";
import { isWriteLocked } from "./write-lock.ts";

/** From the start of the load to the first freeze, in milliseconds. */
const restMs = 3_000;

/** With what a node refuses a write that the store did not take. */
const awayReason = "STORE_UNAVAILABLE";

/** A stretch in which a node stands still within a transaction, and what ends it. */
export interface CommitFreeze {
  readonly seconds: number;
  readonly end: "thaw" | "kill";
}

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface CommitFreezeOptions {
  /** One after the other. Each lasts longer than a node waits for the lock, which is 2 s. */
  readonly freezes: readonly CommitFreeze[];
  /** From the end of each freeze to the next one or the end, in seconds. */
  readonly calmSeconds: number;
  readonly users: number;
  readonly seed: number;
  /** From the end of a freeze to the next acknowledgement, at most, in milliseconds. */
  readonly backMsMax: number;
  readonly progress?: Progress;
}

/** What one freeze was like. */
interface Held extends Absence, CommitFreeze {
  /** The lock was held by the node from before the first moment to after the second one. */
  readonly lockedMs: readonly [from: number, to: number];
  readonly lock: Finding;
  /** Unary tries that were refused meanwhile because the store was away. */
  readonly refused: number;
  /** Devices of other nodes, and those of them that did not keep their stream meanwhile. */
  readonly devicesElsewhere: number;
  readonly disturbed: readonly string[];
}

/**
 * Stops one of three nodes again and again exactly within a transaction, so that it takes the store's write lock along, and
 * lets it go on or kills it much later.
 */
export async function runCommitFreeze(options: CommitFreezeOptions): Promise<ScenarioReport> {
  const { outcome, told: freezes } = await runUnderLoad({ ...options, leaveBehind: true }, (running) =>
    freezeAll(running, options),
  );
  const { sends } = outcome.load.journal;
  const outage = outageAround(
    freezes.map(({ lockedMs: [, toMs] }) => toMs),
    outageWindowMs,
    { sends: outcome.load.placed, absences: freezes },
  );
  return {
    findings: [
      ...outcome.findings,
      checkAllAcknowledged(sends),
      ...freezes.map(({ lock }) => lock),
      checkNobodyAcknowledged(freezes, sends),
      checkStreamsStay(freezes),
      checkStoreBack(freezes, sends, options.backMsMax),
    ],
    figures: [
      ["SIGSTOP of a node within a transaction", `${freezes.length} times, seed ${options.seed}`],
      ...freezes.map((freeze, index) => [`freeze ${index + 1}`, describeHeld(freeze, sends)] as const),
      ...describeRun(outcome),
      describeBefore(outage),
      ...describeOutage(`within ${outageWindowMs / 1000} s of the end of a freeze`, outage),
    ],
    void: [
      ...freezes.flatMap((freeze) => [
        ...(sendsWithin(freeze, sends).length > 0 ? [] : [`nobody sent while ${freeze.nodeId} stood still`]),
        ...(freeze.refused > 0 ? [] : [`nobody was told ${awayReason} while ${freeze.nodeId} stood still`]),
      ]),
      ...describeTrouble(outcome),
    ],
  };
}

async function freezeAll(
  running: RunningCluster,
  { freezes, calmSeconds, progress }: CommitFreezeOptions,
): Promise<Held[]> {
  const held: Held[] = [];
  await pause(restMs);
  for (const freeze of freezes) {
    const one = await freezeOnce(running, freeze);
    held.push(one);
    progress?.(`${one.nodeId} stood still for ${freeze.seconds} s, ${one.refused} tries refused, ${one.end}`);
    await pause(calmSeconds * 1000);
  }
  return held;
}

async function freezeOnce(running: RunningCluster, freeze: CommitFreeze): Promise<Held> {
  const { load, members } = running;
  const { node, kind } = await pickOwner(running);
  const { nodeId, process: victim } = node;
  const lock = startFinding(`the lock is held while ${nodeId} stands still, and no longer`);
  const expectLock = (when: string, isExpected: boolean): void => {
    lock.examine();
    if (isWriteLocked(victim.dataDirectory) !== isExpected)
      lock.violate(`${when} it is ${isExpected ? "free" : "held"}`);
  };
  load.burst();
  await node.freezeInCommit(kind);
  expectLock("at the beginning", true);
  const fromMs = performance.now();
  const refusedBefore = refusedOf(running);
  const elsewhere = members.filter(({ roaming, device }) => device.isOpen && roaming.nodeId !== nodeId);
  const streamsBefore = elsewhere.map(({ device }) => device.tally.streams);
  // Its own devices do not wait for it: they turn to the others, who have no store to attach them with.
  for (const { roaming, device } of members) if (roaming.nodeId === nodeId) device.cut();
  await pause(freeze.seconds * 500);
  load.burst();
  await pause(freeze.seconds * 500);
  const disturbed = elsewhere.flatMap(({ device }, index) =>
    device.isOpen && device.tally.streams === streamsBefore[index]
      ? []
      : [`${device.user.handle} (${device.tally.lastEnd || "it never ended"})`],
  );
  const refused = refusedOf(running) - refusedBefore;
  expectLock("at the end", true);
  const toMs = performance.now();
  if (freeze.end === "thaw") process.kill(victim.pid, "SIGCONT");
  else {
    await victim.kill("SIGKILL");
    expectLock("after its death", false);
    await victim.restart();
  }
  const told = { lockedMs: [fromMs, toMs], lock: lock.finish(), refused, disturbed } as const;
  const devicesElsewhere = elsewhere.length;
  return { ...freeze, ...told, nodeId, beganMs: fromMs, endedMs: performance.now(), devicesElsewhere };
}

function refusedOf({ load }: RunningCluster): number {
  return load.refused.filter(({ refusal }) => refusal.reason === awayReason).length;
}

/** A node that owns a conversation which is written to, and so has something to commit soon. */
async function pickOwner(
  running: RunningCluster,
): Promise<{ readonly node: ClusterNode; readonly kind: "group" | "direct" }> {
  const { members, rng } = running;
  const id = rng.pick(members.flatMap(({ conversations }) => conversations));
  return { node: await ownerOf(running, id), kind: id.startsWith(idPrefixes.group) ? "group" : "direct" };
}

/** Those that began while the lock was held. What had been committed before may be acknowledged all the same. */
function sendsWithin({ lockedMs: [fromMs, toMs] }: Held, sends: readonly SendRecord[]): SendRecord[] {
  return sends.filter(({ beganMs }) => beganMs > fromMs && beganMs < toMs);
}

function checkNobodyAcknowledged(freezes: readonly Held[], sends: readonly SendRecord[]): Finding {
  const finding = startFinding("nobody is acknowledged while the store is away");
  for (const freeze of freezes) {
    for (const { outcome, clientMessageId } of sendsWithin(freeze, sends)) {
      finding.examine();
      if (outcome.kind === "acknowledged" && outcome.endedMs < freeze.lockedMs[1])
        finding.violate(
          `${clientMessageId} was, at ${outcome.seq}, and nobody but ${freeze.nodeId} could commit`,
        );
    }
  }
  return finding.finish();
}

function checkStreamsStay(freezes: readonly Held[]): Finding {
  const finding = startFinding("devices of other nodes keep their streams while the store is away");
  for (const { nodeId, devicesElsewhere, disturbed } of freezes) {
    for (let device = 0; device < devicesElsewhere; device += 1) finding.examine();
    for (const handle of disturbed) finding.violate(`${handle} did not, while ${nodeId} stood still`);
  }
  return finding.finish();
}

function checkStoreBack(freezes: readonly Held[], sends: readonly SendRecord[], backMsMax: number): Finding {
  const finding = startFinding(`sends are acknowledged within ${backMsMax} ms of the end of a freeze`);
  for (const freeze of freezes) {
    finding.examine();
    const ms = backMs(freeze, sends);
    if (ms > backMsMax) finding.violate(`after ${freeze.nodeId} it took ${Math.round(ms)} ms`);
  }
  return finding.finish();
}

/** From the end of a freeze to the first acknowledgement of what had to wait for it, in milliseconds. */
function backMs(freeze: Held, sends: readonly SendRecord[]): number {
  const heard = sendsWithin(freeze, sends).flatMap(({ outcome }) =>
    outcome.kind === "acknowledged" ? [outcome.endedMs] : [],
  );
  return Math.min(...heard) - freeze.lockedMs[1];
}

function describeHeld(freeze: Held, sends: readonly SendRecord[]): string {
  const { nodeId, lockedMs, end, refused, devicesElsewhere } = freeze;
  return [
    `${nodeId} held the lock for ${((lockedMs[1] - lockedMs[0]) / 1000).toFixed(1)} s`,
    `${sendsWithin(freeze, sends).length} sends began meanwhile, ${refused} unary tries were refused with ${awayReason}`,
    `${devicesElsewhere} devices of other nodes`,
    `first acknowledgement ${Math.round(backMs(freeze, sends))} ms after the ${end}`,
  ].join("; ");
}
