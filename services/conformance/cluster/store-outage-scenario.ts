import { type Finding, startFinding } from "../../history/finding.ts";
import type { SendRecord } from "../../history/history.ts";
import type { ServerProcess } from "../../testkit/server-process.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import type { RefusedTry } from "../harness/send-journal.ts";
import { checkEach, describeFailures, describeRun, describeTimes } from "./cluster-figures.ts";
import type { ClusterMember } from "./cluster-load.ts";
import { type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";

/** From the start of the load to the first outage, in milliseconds. */
const restMs = 3_000;

/** From a burst of all users to the outage, at most, in milliseconds: some of it is on its way then. */
const harmAfterMsMax = 30;

/** How often all users type, and it is looked whether the nodes are alive, while the store is away, in milliseconds. */
const lookEveryMs = 1_000;

/** In an outage that is as long everybody has to hear that others type, in milliseconds. */
const typingHeardMsMin = 5_000;

/** A node ends every try itself within 8 s; a client that waits longer sees its answer. In milliseconds. */
const tryMsMax = 20_000;

/** How the store is taken away: its process is killed and started again later, or stands still. */
export type StoreHarm = "killed" | "frozen";

/** One outage of the store. */
export interface StoreOutage {
  readonly harm: StoreHarm;
  readonly seconds: number;
}

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface StoreOutageOptions extends RunOptions {
  readonly outages: readonly StoreOutage[];
  /** From the end of each outage to the next one or the end, in seconds. */
  readonly calmSeconds: number;
  /** What the worst send may take from the return of the store to its acknowledgement, in milliseconds. */
  readonly returnMsMax: number;
  readonly progress?: Progress;
}

interface Outage extends StoreOutage {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly underWay: number;
  /** Streams that devices lost meanwhile. */
  readonly streamsLost: number;
  readonly health: Finding;
  readonly typing: Finding;
}

/** Takes the store away from all three nodes under load, one time after the other, and gives it back. */
export async function runStoreOutage(options: StoreOutageOptions): Promise<ScenarioReport> {
  const run = { ...options, backends: "servers", tryMsMax } as const;
  const { outcome, told: outages } = await runUnderLoad(run, (running) => takeAll(running, options));
  const meanwhile = outages.flatMap((outage) => refusedIn(outage, outcome.load.refused));
  const timesMs = meanwhile.map(({ beganMs, endedMs }) => endedMs - beganMs);
  const { sends } = outcome.load.journal;
  const sinceReturn = outages.flatMap(({ endedMs }) => timesSince(endedMs, sends));
  return {
    findings: [
      ...outcome.findings,
      ...outages.flatMap(({ health, typing }) => [health, typing]),
      checkStreams(outages),
      checkRefusals(meanwhile),
      checkEach(
        sinceReturn,
        options.returnMsMax,
        `what waits for the store is acknowledged at most ${options.returnMsMax} ms after its return`,
      ),
    ],
    figures: [
      ["the store taken away", `${outages.length} times, seed ${options.seed}`],
      ...outages.map((outage, index) => [`outage ${index + 1}`, describe(outage)] as const),
      ["time to a refusal while it was away", describeTimes(timesMs, "tries")],
      ...describeRun(outcome),
      ["from its return to the acknowledgement of what was under way then", describeTimes(sinceReturn)],
    ],
    void: [
      ...(meanwhile.length < outages.length ? ["too few tries were refused while the store was away"] : []),
      ...describeFailures(outcome.members),
    ],
  };
}

async function takeAll(running: RunningCluster, options: StoreOutageOptions): Promise<Outage[]> {
  const store = running.cluster.backends?.mongo.process;
  if (store === undefined) throw new Error("the store is a server that others may use");
  const done: Outage[] = [];
  await pause(restMs);
  for (const outage of options.outages) {
    running.load.burst();
    await pause(running.rng.fraction() * harmAfterMsMax);
    const taken = await takeAway(running, store, outage);
    done.push(taken);
    options.progress?.(describe(taken));
    await pause(options.calmSeconds * 1000);
  }
  return done;
}

async function takeAway(running: RunningCluster, store: ServerProcess, outage: StoreOutage): Promise<Outage> {
  const { members, load } = running;
  const lost = (): number => members.reduce((sum, { device }) => sum + device.tally.lost, 0);
  const lostBefore = lost();
  const underWay = load.journal.unsettled;
  const beganMs = performance.now();
  await (outage.harm === "killed" ? store.kill() : store.freeze());
  const health = await watchNodes(running, beganMs + outage.seconds * 1000);
  const typing = checkTyping(members, beganMs, performance.now());
  await (outage.harm === "killed" ? store.start() : store.thaw());
  const endedMs = performance.now();
  return { ...outage, beganMs, endedMs, underWay, health, typing, streamsLost: lost() - lostBefore };
}

/** Liveness is about the process alone: it stays green without a store. All users type meanwhile, wherever they can. */
async function watchNodes({ cluster, members }: RunningCluster, untilMs: number): Promise<Finding> {
  const finding = startFinding("/healthz stays green while the store is away");
  while (performance.now() < untilMs) {
    for (const { device, conversations } of members) {
      for (const conversationId of conversations) device.type(conversationId);
    }
    for (const { nodeId, process } of cluster.nodes) {
      finding.examine();
      const answer = await fetch(`${process.adminUrl}/healthz`).catch((error: unknown) => String(error));
      if (typeof answer === "string" || answer.status !== 200) {
        finding.violate(`${nodeId} said ${typeof answer === "string" ? answer : answer.status}`);
      }
    }
    await pause(Math.min(lookEveryMs, Math.max(0, untilMs - performance.now())));
  }
  return finding.finish();
}

/** What is not stored needs no store. Judged is what both sides know of: a direct conversation begins with its first entry. */
function checkTyping(members: readonly ClusterMember[], beganMs: number, endedMs: number): Finding {
  const finding = startFinding("typing goes on while the store is away");
  if (endedMs - beganMs < typingHeardMsMin) return finding.finish();
  const knows = ({ device }: ClusterMember, id: string): boolean => device.store.seqOf(id) > 0n;
  for (const member of members) {
    const { device } = member;
    for (const id of member.conversations.filter((one) => knows(member, one))) {
      if (!members.some((other) => other !== member && knows(other, id))) continue;
      finding.examine();
      const heardMs = device.typingHeardMs.get(id) ?? Number.NEGATIVE_INFINITY;
      if (heardMs < beganMs + typingHeardMsMin / 2)
        finding.violate(`${device.user.handle} did not hear in ${id} that others type`);
    }
  }
  return finding.finish();
}

function refusedIn(outage: Outage, refused: readonly RefusedTry[]): RefusedTry[] {
  return refused.filter(({ beganMs, endedMs }) => beganMs > outage.beganMs && endedMs < outage.endedMs);
}

const reasons: ReadonlySet<string> = new Set(["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN", "OVERLOADED"]);

function checkRefusals(refused: readonly RefusedTry[]): Finding {
  const finding = startFinding("what fails while the store is away says why and when to try again");
  for (const { refusal } of refused) {
    finding.examine();
    const { reason, retryDelayMs, message } = refusal;
    if (!reasons.has(reason)) finding.violate(`${reason || "no reason"}: ${message}`);
    else if (retryDelayMs === undefined) finding.violate(`${reason} without a delay`);
  }
  return finding.finish();
}

/** From the moment to the acknowledgement, of the sends that were under way then, in milliseconds. */
function timesSince(momentMs: number, sends: readonly SendRecord[]): number[] {
  return sends.flatMap(({ beganMs, outcome }) =>
    outcome.kind === "acknowledged" && beganMs < momentMs && outcome.endedMs > momentMs
      ? [outcome.endedMs - momentMs]
      : [],
  );
}

function checkStreams(outages: readonly Outage[]): Finding {
  const finding = startFinding("streams stay while the store is away");
  for (const { streamsLost, harm } of outages) {
    finding.examine();
    if (streamsLost > 0) finding.violate(`${streamsLost} were lost while it was ${harm}`);
  }
  return finding.finish();
}

function describe({ harm, seconds, underWay, streamsLost }: Outage): string {
  return `${harm} for ${seconds} s; ${underWay} sends under way; ${streamsLost} streams lost`;
}
