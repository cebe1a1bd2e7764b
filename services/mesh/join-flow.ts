import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import type { JoinPlan } from "./join-plan.ts";
import { encodeItem } from "./link-codec.ts";
import type { Links } from "./links.ts";
import { joinMsMax } from "./router.ts";

/** How many bulks of joins and leaves may be under way to one node: what comes after them waits for an acknowledgement. */
export const joinBulksInFlightMax = 4;

/** Topics that are due to be left are looked for at most this often, in milliseconds, so that they leave together. */
const leaveRoundMs = 1_000;

/** How joins go to one node. Counts of topics only grow: whoever waits, waits for a count to be reached. */
interface NodeFlow {
  /** Bulks that were sent and not acknowledged. */
  inFlight: number;
  /** Joins that were sent. */
  sent: number;
  /** Joins that were sent and acknowledged. */
  settled: number;
  readonly waiting: Set<FlowWait>;
}

interface FlowWait {
  /** Of the joins sent. */
  upTo: number;
  readonly resolve: () => void;
}

/** What a flow works with. */
export interface JoinFlowOptions {
  readonly plan: JoinPlan;
  readonly links: Pick<Links, "send" | "settled">;
  readonly clock: Clock;
  /** Whether `joined` waits for the node. */
  readonly isAwaited: (nodeId: string) => boolean;
}

/** Says to other nodes what the plan wants said: in bulks, at the rate at which they take them. */
export class JoinFlow {
  readonly #options: JoinFlowOptions;
  readonly #flows = new Map<string, NodeFlow>();
  #turn: Timer | undefined;
  #leaveTimer: Timer | undefined;
  #stopped = false;

  constructor(options: JoinFlowOptions) {
    this.#options = options;
  }

  /** The plan has changed: says so in the next turn, so that what changes in one turn travels together. */
  changed(): void {
    if (this.#stopped) return;
    this.#turn ??= this.#options.clock.nextTurn(() => this.#flush());
  }

  /** Says to one node what may be said to it, now: what is sent to it next comes after the joins that were wanted before. */
  flushTo(nodeId: string): void {
    const flow = this.#flowTo(nodeId);
    while (!this.#stopped && flow.inFlight < joinBulksInFlightMax) {
      const bulk = this.#options.plan.next(nodeId);
      if (bulk === undefined) return;
      this.#options.links.send(nodeId, encodeItem(bulk));
      flow.inFlight += 1;
      if (bulk.kind === "join") flow.sent += bulk.topics.length;
      void this.#settle(nodeId, flow, flow.sent);
    }
  }

  /** The node has lost everything that it was told: says it again. */
  reset(nodeId: string): void {
    this.#options.plan.reset(nodeId);
    const flow = this.#flowTo(nodeId);
    for (const wait of flow.waiting) wait.upTo = flow.sent + this.#options.plan.toJoin(nodeId);
    this.changed();
  }

  /** The node is gone. */
  forget(nodeId: string): void {
    this.#options.plan.forget(nodeId);
    const flow = this.#flows.get(nodeId);
    this.#flows.delete(nodeId);
    for (const { resolve } of flow?.waiting ?? []) resolve();
  }

  /** Resolves when all joins that are wanted now were acknowledged, or after `joinMsMax`. */
  async joined(): Promise<void> {
    if (this.#stopped) return;
    this.#flush();
    const waits = [...this.#options.plan.nodeIds()].flatMap((nodeId) => this.#waitFor(nodeId));
    if (waits.length === 0) return;
    const over = new AbortController();
    await Promise.race([
      Promise.all(waits.map(({ reached }) => reached)),
      sleep(this.#options.clock, joinMsMax, over.signal),
    ]);
    over.abort();
    for (const { forget } of waits) forget();
  }

  stop(): void {
    this.#stopped = true;
    this.#turn?.cancel();
    this.#leaveTimer?.cancel();
    for (const nodeId of this.#flows.keys()) this.forget(nodeId);
  }

  #flush(): void {
    this.#turn?.cancel();
    this.#turn = undefined;
    for (const nodeId of this.#options.plan.nodeIds()) this.flushTo(nodeId);
    this.#armLeaves();
  }

  async #settle(nodeId: string, flow: NodeFlow, sent: number): Promise<void> {
    await this.#options.links.settled(nodeId);
    flow.inFlight -= 1;
    flow.settled = Math.max(flow.settled, sent);
    // A node that was forgotten has another flow by now, or none.
    if (this.#flows.get(nodeId) !== flow) return;
    this.flushTo(nodeId);
    for (const { upTo, resolve } of flow.waiting) {
      if (upTo <= flow.settled) resolve();
    }
  }

  #waitFor(nodeId: string): { reached: Promise<void>; forget: () => void }[] {
    const flow = this.#flowTo(nodeId);
    const upTo = flow.sent + this.#options.plan.toJoin(nodeId);
    if (upTo <= flow.settled || !this.#options.isAwaited(nodeId)) return [];
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const wait: FlowWait = { upTo, resolve };
    flow.waiting.add(wait);
    return [{ reached, forget: () => flow.waiting.delete(wait) }];
  }

  #armLeaves(): void {
    const { plan, clock } = this.#options;
    const dueMs = plan.nextDueMs;
    if (this.#stopped || dueMs === undefined) return;
    const delayMs = Math.max(dueMs - clock.monotonicMs(), leaveRoundMs);
    this.#leaveTimer ??= clock.after(delayMs, () => {
      this.#leaveTimer = undefined;
      plan.expire(clock.monotonicMs());
      this.#flush();
    });
  }

  #flowTo(nodeId: string): NodeFlow {
    const known = this.#flows.get(nodeId);
    if (known !== undefined) return known;
    const flow: NodeFlow = { inFlight: 0, sent: 0, settled: 0, waiting: new Set() };
    this.#flows.set(nodeId, flow);
    return flow;
  }
}
