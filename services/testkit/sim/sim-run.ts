import { checkAtRest, type NodeReading, unrestOf } from "../../history/at-rest.ts";
import { checkHistory } from "../../history/check-history.ts";
import { type Finding, isClean } from "../../history/finding.ts";
import { isBetween, withoutUndone } from "../../history/undone.ts";
import { directConversationId } from "../../message/conversation-id.ts";
import type { ValidateMessage } from "../../rpc/message-validator.ts";
import { type SeededRng, seededRng } from "../seeded-rng.ts";
import { drawHabits } from "./device-habits.ts";
import { checkRejections, checkVisibility, isMemberAtEnd, listedLog, readLog } from "./sim-checks.ts";
import { SimCluster } from "./sim-cluster.ts";
import { convergence } from "./sim-convergence.ts";
import { SimFaults } from "./sim-faults.ts";
import { SimGroups } from "./sim-groups.ts";
import { checkInterest, unknownInterest } from "./sim-interest.ts";
import type { SimWorld } from "./sim-node.ts";
import type { SimPlan } from "./sim-plan.ts";

/** After the end of all faults everything converges within this time, in virtual milliseconds. */
export const convergeMsMax = 30_000;

/** After the last device has gone nodes come to rest within this time, in virtual milliseconds, and are asked so often. */
const restMsMax = 60_000;
const restLookMs = 1_000;

/** Owners know who wants to hear their topics within this time, or never will; in virtual milliseconds. */
const interestMsMax = 10_000;

/** Streams that were left open behind devices are silent within this time, or never will be; in virtual milliseconds. */
const silentMsMax = 45_000;

/** What a run needs beside its plan. */
export interface SimRunOptions {
  readonly validateMessage: ValidateMessage;
  readonly createCore: SimWorld["createCore"];
}

/** What a run came to. */
export interface SimReport {
  readonly plan: SimPlan;
  readonly findings: readonly Finding[];
  /** What must never happen and did: bugs of nodes, streams closed for a violation, answers that changed. */
  readonly complaints: readonly string[];
  /** What did not converge, a sentence each. */
  readonly open: readonly string[];
  /** Of everything that happened: two runs of one seed have the same one. */
  readonly hash: string;
  readonly counts: SimCounts;
  readonly trace: readonly string[];
  readonly log: readonly string[];
}

/** How much happened. */
export interface SimCounts {
  readonly events: number;
  readonly sends: number;
  readonly entries: number;
  readonly changes: number;
  readonly unknownOutcomes: number;
  readonly takeovers: number;
  readonly gapRepairs: number;
  readonly faults: number;
  /** How often the store was put back. */
  readonly restores: number;
  readonly streamsBroken: number;
  /** From the end of all faults until everything had converged, in virtual milliseconds; undefined without that. */
  readonly convergeMs: number | undefined;
}

/** Whether a run found nothing wrong. */
export function isGood({ findings, complaints, open }: SimReport): boolean {
  return isClean(findings) && complaints.length === 0 && open.length === 0;
}

/** Runs the plan of a seed. Rejects when the simulation itself fails. */
export async function runSimulation(plan: SimPlan, options: SimRunOptions): Promise<SimReport> {
  return new SimRun(plan, options).run();
}

/** One run of a plan. */
export class SimRun {
  readonly #plan: SimPlan;
  readonly #rng: SeededRng;
  /** For those who look closer after a run. */
  readonly cluster: SimCluster;
  readonly #faults: SimFaults;
  readonly #groups: SimGroups;
  readonly #directs = new Set<string>();
  #isOver = false;

  constructor(plan: SimPlan, options: SimRunOptions) {
    const rng = seededRng(plan.seed ^ 0x5eed);
    this.#plan = plan;
    this.#rng = rng;
    const usual = { minMs: 0.2, maxMs: 2, tailRate: 0.01, tailMs: 30 };
    this.cluster = new SimCluster({
      ...options,
      rng: rng.fork(),
      nodes: plan.nodes,
      limits: plan.limits,
      network: { delay: usual, streamBytesMax: plan.streamBytesMax, breakRate: plan.frameBreakRate },
      store: { ...plan, kind: plan.storeKind, delay: usual, lateMsMax: 5_000, majorityLagMsMax: 30 },
      coordinator: {
        delay: usual,
        expireLateMsMax: 8_000,
        replyLostRate: plan.coordinatorFaultRate,
        hintLostRate: plan.coordinatorFaultRate,
      },
    });
    this.#faults = new SimFaults(this.cluster, rng.fork(), {
      kinds: plan.faults,
      gapMsMax: plan.faultGapMsMax,
      conversationIds: () => this.#conversationIds(),
    });
    this.#groups = new SimGroups(this.cluster, rng.fork(), {
      changeMsMax: plan.changeMsMax,
      isOver: () => this.#isOver,
    });
  }

  async run(): Promise<SimReport> {
    const { scheduler, nodes } = this.cluster;
    const { startMs, endMs, mode } = this.#plan;
    for (const { host } of nodes) {
      host.clockRate = 1 + (this.#rng.fraction() - 0.5) * 2 * this.#plan.driftMax;
      host.wallOffsetMs = (this.#rng.fraction() - 0.5) * 1_000;
    }
    for (const node of nodes) scheduler.after(this.#rng.fraction() * startMs, "start", () => node.start());
    await this.#addClients();
    this.#faults.start(startMs);
    await scheduler.run(endMs);
    this.#isOver = true;
    if (mode !== "liveness") return this.#report(undefined, []);
    const convergeMs = await this.#converge();
    await this.#silence();
    if (convergeMs === undefined) return this.#report(convergeMs, []);
    return this.#report(convergeMs, [await this.#interest(), await this.#rest()]);
  }

  async #addClients(): Promise<void> {
    const { accounts, clients, thinkMsMax, startMs, groups } = this.#plan;
    const accountIds: string[] = [];
    for (let number = 1; number <= accounts; number += 1)
      accountIds.push(await this.cluster.createAccount(number));
    for (let index = 0; index < clients; index += 1) {
      const accountId = accountIds[index % accountIds.length] ?? "";
      const directs = this.#directsOf(accountId, accountIds);
      const { device, person } = this.cluster.addClient({
        accountId,
        habits: drawHabits(this.#rng, thinkMsMax),
        conversations: () => [...directs, ...this.#groups.written],
        isOver: () => this.#isOver,
      });
      device.start(this.#rng.fraction() * startMs);
      this.cluster.scheduler.after(startMs, "write", () => void person.write());
    }
    for (let index = 0; index < groups; index += 1) this.#groups.start(startMs, accountIds);
  }

  /** Everybody writes to two others, whom the seed chooses. */
  #directsOf(accountId: string, accountIds: readonly string[]): string[] {
    const others = accountIds.filter((other) => other !== accountId);
    const peers = new Set([this.#rng.pick(others), this.#rng.pick(others)]);
    const directs = Array.from(peers, (peer) => directConversationId(accountId, peer));
    for (const id of directs) this.#directs.add(id);
    return directs;
  }

  async #converge(): Promise<number | undefined> {
    const { scheduler, clients } = this.cluster;
    this.#faults.end();
    for (const { device } of clients) device.calm();
    const beganMs = scheduler.nowMs;
    const isThere = convergence(this.cluster, () => this.#conversationIds());
    const converged = await scheduler.runUntil(isThere, beganMs + convergeMsMax);
    return converged ? scheduler.nowMs - beganMs : undefined;
  }

  /** Nobody hears anything any more on a stream that it has left. */
  async #silence(): Promise<void> {
    const { scheduler, clients } = this.cluster;
    const isSilent = (): boolean => clients.every(({ device }) => device.leftBehind === 0);
    await scheduler.runUntil(isSilent, scheduler.nowMs + silentMsMax);
  }

  /** While everybody is still there. */
  async #interest(): Promise<Finding> {
    const { scheduler, nodes } = this.cluster;
    const isKnown = (): boolean => unknownInterest(nodes).length === 0;
    await scheduler.runUntil(isKnown, scheduler.nowMs + interestMsMax);
    return checkInterest(nodes);
  }

  /** Everybody leaves; a while later the nodes hold nothing for anybody. */
  async #rest(): Promise<Finding> {
    const { scheduler, clients, nodes, metrics } = this.cluster;
    for (const { device } of clients) device.stop();
    const readings = (): NodeReading[] => nodes.map(({ host }) => metrics.reading(host.name));
    const endMs = scheduler.nowMs + restMsMax;
    while (scheduler.nowMs < endMs && unrestOf(readings()).length > 0)
      await scheduler.run(scheduler.nowMs + restLookMs);
    return checkAtRest(readings());
  }

  #conversationIds(): readonly string[] {
    return [...this.#directs, ...this.#groups.known];
  }

  async #report(convergeMs: number | undefined, rest: readonly Finding[]): Promise<SimReport> {
    const { journal, store, scheduler, network, metrics, clients, log } = this.cluster;
    const isLive = this.#plan.mode === "liveness";
    const { putBacks } = this.#faults;
    const wasPutBack = putBacks.length > 0;
    const logs = await Promise.all(
      this.#conversationIds().map((id) => readLog(store.collections.entries, id)),
    );
    const devices = clients.map(({ device }) => ({ ...device.caller, held: device.held }));
    const history = {
      sends: journal.sends,
      logs: logs.map(listedLog),
      observers: devices.flatMap(({ accountId, held }) => {
        const isJudgedOf = (id: string): boolean => {
          const stored = logs.find(({ conversationId }) => conversationId === id);
          return !wasPutBack || (stored !== undefined && isMemberAtEnd(stored, accountId));
        };
        return held.histories().filter(({ conversationId }) => isJudgedOf(conversationId));
      }),
      reads: journal.reads,
      streams: {
        records: journal.streams.records,
        calmFromMs: isLive ? this.#plan.endMs : Number.POSITIVE_INFINITY,
      },
    };
    const rejections = journal.rejections.filter(
      ({ send, endedMs }) => !putBacks.some((one) => isBetween(one, { beganMs: send.beganMs, endedMs })),
    );
    const findings = checkHistory(withoutUndone(history, putBacks)).filter(({ check }) =>
      isJudged(check, isLive),
    );
    return {
      plan: this.#plan,
      findings: [
        ...findings,
        checkVisibility(devices, logs, { toTheEnd: isLive, wasPutBack }),
        checkRejections({ changes: journal.changes, rejections }, logs),
        ...rest,
      ],
      complaints: journal.complaints,
      open: isLive && convergeMs === undefined ? this.#open() : [],
      hash: scheduler.trace.hash,
      counts: {
        events: scheduler.executed,
        sends: journal.sends.length,
        entries: store.tally.entries,
        changes: journal.changes.filter(({ endedMs }) => endedMs !== undefined).length,
        unknownOutcomes: store.tally.unknownOutcomes,
        takeovers: store.tally.takeovers,
        gapRepairs: metrics.total("session_gap_entries_total"),
        faults: Array.from(this.#faults.counts.values()).reduce((sum, count) => sum + count, 0),
        restores: putBacks.length,
        streamsBroken: network.broken,
        convergeMs,
      },
      trace: scheduler.trace.tail(200),
      log: log.lines(),
    };
  }

  #open(): string[] {
    const { journal } = this.cluster;
    return [
      `not converged after ${convergeMsMax} ms: ${journal.sendsOpen} sends and ${journal.changesOpen} changes are open`,
    ];
  }
}

/**
 * Devices of accounts that are removed and added again hold runs instead of one log, which `checkVisibility` judges; and
 * while faults go on, not everything has an outcome.
 */
function isJudged(check: string, isLive: boolean): boolean {
  if (check === "every device converged") return false;
  return isLive || check !== "every send settled";
}
