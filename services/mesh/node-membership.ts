import type { Counter } from "../kernel/metrics.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { answerWithin } from "./answer-within.ts";
import { leaseMs, type Registration } from "./coordinator.ts";
import { CoordinatorOutage } from "./coordinator-outage.ts";
import type { Membership, MembershipOptions } from "./membership.ts";
import {
  callMsMax,
  conflictMsMin,
  incarnationsMax,
  leaveMsMax,
  listGapMsMin,
  listIntervalMs,
  rejoinDelayMsMax,
  renewIntervalMs,
  retryPolicy,
  startMsMax,
} from "./membership-limits.ts";
import { NodeList } from "./node-list.ts";
import type { NodeRecord } from "./node-record.ts";
import { type NodeRecordChange, OwnRecord } from "./own-record.ts";
import { type DueStep, StepLoop } from "./step-loop.ts";

/** Where this node stands with the coordinator. */
type Standing =
  | { readonly kind: "idle" }
  /** Registers under this incarnation, at `atMs` at the earliest. */
  | { readonly kind: "outside"; readonly incarnation: string; readonly atMs: number }
  | { readonly kind: "inside"; readonly registration: Registration; readonly renewMs: number }
  /** Looks at `atMs` whether the other process has gone. */
  | { readonly kind: "conflict"; readonly atMs: number }
  | { readonly kind: "ended" };

type Step = "register" | "renew" | "list";

/** The membership of one node. Made by `createMembership`. */
export class NodeMembership implements Membership {
  readonly #options: MembershipOptions;
  readonly #own: OwnRecord;
  readonly #outage: CoordinatorOutage;
  readonly #writes: Counter;
  /** One call at a time, so no answer is older than what is known already. */
  readonly #loop: StepLoop<Step>;
  readonly #list: NodeList;
  readonly #started = Promise.withResolvers<void>();
  /** Those that this process has registered under, or tried to; the latest last. */
  #incarnations: readonly string[] = [];
  #standing: Standing = { kind: "idle" };
  #idSlot: number | undefined;
  /** When the next listing is due, and when the last one began. */
  #listMs = Number.POSITIVE_INFINITY;
  #listedMs = Number.NEGATIVE_INFINITY;
  /** Calls under way are not waited for when it ends. */
  readonly #lifetime = new AbortController();
  #leaving: Promise<void> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(options: MembershipOptions) {
    const { clock, rng, logger, metrics, record } = options;
    this.#options = options;
    this.#own = new OwnRecord({ ...record, incarnation: this.#newIncarnation() });
    this.#list = new NodeList(record.nodeId, clock, logger);
    this.#outage = new CoordinatorOutage(clock, logger, metrics);
    const help = "Calls to the coordinator that change the list of nodes: join, renewal, leave";
    this.#writes = metrics.counter("coordinator_writes_total", help, ["kind"]);
    metrics.observedGauge("membership_nodes", "Nodes in the last good list", () => this.#list.nodes.length);
    this.#loop = new StepLoop<Step>({
      clock,
      rng,
      retry: retryPolicy,
      next: () => this.#next(),
      run: (step) => this.#run(step),
      onDone: (step, failures) => this.#onDone(step, failures),
      onFailed: (error) => this.#onFailed(error),
      gapMsMax: leaseMs,
      onGap: (lateMs) => this.#onGap(lateMs),
    });
  }

  get listed(): boolean {
    return this.#list.holdsOwn;
  }

  get conflict(): boolean {
    return this.#standing.kind === "conflict";
  }

  get registered(): boolean {
    return this.#idSlot !== undefined;
  }

  get idSlot(): number {
    if (this.#idSlot === undefined) throw new Error("the node has no id slot before it is registered");
    return this.#idSlot;
  }

  self(): NodeRecord {
    return this.#own.record;
  }

  nodes(): readonly NodeRecord[] {
    return this.#list.nodes;
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (this.#standing.kind !== "idle") throw new Error("the membership was started before");
    const { clock, coordinator } = this.#options;
    const abort = (): void => this.#started.reject(signal?.reason);
    const expiry = clock.after(startMsMax, () => this.#started.reject(this.#notEntered()));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    this.#standing = { kind: "outside", incarnation: this.self().incarnation, atMs: this.#nowMs() };
    this.#unwatch = coordinator.watch(() => this.refresh());
    this.#loop.reschedule();
    try {
      await this.#started.promise;
    } catch (thrown) {
      // What was begun may still enter it.
      await this.leave();
      throw thrown;
    } finally {
      expiry.cancel();
      signal?.removeEventListener("abort", abort);
    }
  }

  update(change: NodeRecordChange): void {
    if (!this.#own.change(change)) return;
    this.#list.changed();
    this.#loop.reschedule();
  }

  refresh(): void {
    // Before the first registration there is no list that could be out of date.
    if (this.#listMs === Number.POSITIVE_INFINITY) return;
    this.#listMs = Math.min(this.#listMs, Math.max(this.#nowMs(), this.#listedMs + listGapMsMin));
    this.#loop.reschedule();
  }

  onChange(listener: () => void): void {
    this.#list.onChange(listener);
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async stop(): Promise<void> {
    this.#end();
    this.#list.stop();
    this.#lifetime.abort(new Error("the membership was stopped"));
    await this.#loop.idle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** What is due first. Of what is due now, that which keeps the node alive. */
  #next(): DueStep<Step> | undefined {
    const standing = this.#standing;
    const list = { step: "list", atMs: this.#listMs } as const;
    const nowMs = this.#nowMs();
    switch (standing.kind) {
      case "idle":
      case "ended":
        return undefined;
      case "conflict":
        return earlier({ step: "list", atMs: standing.atMs }, list, nowMs);
      case "outside":
        return earlier({ step: "register", atMs: standing.atMs }, list, nowMs);
      case "inside": {
        const atMs = Math.min(standing.renewMs, this.#own.dueMs(nowMs) ?? standing.renewMs);
        return earlier({ step: "renew", atMs }, list, nowMs);
      }
    }
  }

  #run(step: Step): Promise<void> {
    switch (step) {
      case "register":
        return this.#register();
      case "renew":
        return this.#renew();
      case "list":
        return this.#readList();
    }
  }

  #onDone(step: Step, failures: number): void {
    this.#outage.answered();
    // While calls failed, hints may have failed as well.
    if (failures > 0 && step !== "list") this.#listMs = this.#nowMs();
  }

  #onFailed(error: Error): void {
    if (!this.#isEnded()) this.#outage.failed(error);
  }

  /** Frozen for a lease: others may have dropped this node, so it owns nothing until a listing shows the contrary. */
  #onGap(lateMs: number): void {
    if (this.#standing.kind !== "inside") return;
    const message = "this process stood still for longer than its lease, and owns nothing until it is listed";
    this.#options.logger.warn(message, { lateMs: Math.round(lateMs) });
    this.#listMs = this.#nowMs();
    this.#list.dropOwn();
  }

  async #register(): Promise<void> {
    const standing = this.#standing;
    if (standing.kind !== "outside") return;
    const { coordinator, logger } = this.#options;
    const { incarnation } = standing;
    const { nodeId } = this.self();
    const [record, startMs] = [{ ...this.self(), incarnation }, this.#nowMs()];
    const registration = await this.#write("join", coordinator.register(record));
    if (this.#isEnded()) {
      if (this.#leaving !== undefined) await this.#write("leave", registration.leave());
      return;
    }
    this.#idSlot = registration.idSlot;
    this.#own.reincarnate(incarnation);
    this.#own.noteWritten(record, startMs);
    this.#standing = { kind: "inside", registration, renewMs: startMs + renewIntervalMs };
    this.#listMs = this.#nowMs();
    logger.info("this node is registered", { nodeId, incarnation, idSlot: this.#idSlot });
    this.#list.changed();
  }

  async #renew(): Promise<void> {
    const standing = this.#standing;
    if (standing.kind !== "inside") return;
    const { registration } = standing;
    const [record, startMs] = [this.self(), this.#nowMs()];
    const answer = await this.#write("renewal", registration.renew(record));
    if (this.#isEnded()) return;
    switch (answer) {
      case "kept":
        this.#own.noteWritten(record, startMs);
        this.#standing = { kind: "inside", registration, renewMs: startMs + renewIntervalMs };
        return;
      case "lost":
        this.#drop();
        return;
      case "replaced":
        // By whom, only a listing tells. Until then this node owns nothing, and asks again if the listing fails.
        this.#list.dropOwn();
        await this.#readList();
        return;
    }
  }

  async #readList(): Promise<void> {
    const { coordinator, rng } = this.#options;
    this.#listedMs = this.#nowMs();
    // Set before the answer comes, so that a hint meanwhile leads to another listing.
    this.#listMs = this.#listedMs + listIntervalMs * (0.8 + 0.4 * rng.fraction());
    try {
      const nodes = await this.#ask(coordinator.list());
      if (!this.#isEnded()) this.#accept(nodes);
    } catch (thrown) {
      this.#listMs = this.#nowMs();
      throw thrown;
    }
  }

  #accept(nodes: readonly NodeRecord[]): void {
    const { nodeId, incarnation } = this.self();
    const standing = this.#standing;
    const found = nodes.find((node) => node.nodeId === nodeId)?.incarnation;
    if (standing.kind === "inside" && found === incarnation) {
      this.#list.replace(nodes);
      this.#started.resolve();
      return;
    }
    this.#list.replaceByOthers(nodes);
    // A late registration of this very process, which replaced its newer one, is no other process.
    const isForeign = found !== undefined && !this.#incarnations.includes(found);
    if (standing.kind === "inside") {
      if (isForeign) this.#giveWay();
      else this.#drop();
    } else if (standing.kind === "conflict" && standing.atMs <= this.#nowMs()) {
      if (isForeign) this.#standing = { kind: "conflict", atMs: this.#nowMs() + conflictMsMin };
      else this.#goOutside();
    }
  }

  /** Its entry is gone: it owns nothing, and comes back as somebody new. */
  #drop(): void {
    const { nodeId, incarnation } = this.self();
    this.#options.logger.warn("this node is no longer listed and registers again", { nodeId, incarnation });
    this.#goOutside();
    this.#list.dropOwn();
  }

  #goOutside(): void {
    const atMs = this.#nowMs() + this.#options.rng.fraction() * rejoinDelayMsMax;
    this.#standing = { kind: "outside", incarnation: this.#newIncarnation(), atMs };
    this.#list.changed();
  }

  /** Two processes with one id would replace each other for ever, so the one that was replaced stays out. */
  #giveWay(): void {
    const { nodeId } = this.self();
    const message = `another live process uses the node id "${nodeId}": give each process its own --node-id`;
    this.#options.logger.error(`${message}. This one owns nothing while the other one is there`, { nodeId });
    this.#standing = { kind: "conflict", atMs: this.#nowMs() + conflictMsMin };
    this.#started.reject(new Error(message));
    this.#list.changed();
  }

  async #leave(): Promise<void> {
    const { clock, logger } = this.#options;
    const standing = this.#standing;
    this.#end();
    this.#list.dropOwn();
    const left =
      standing.kind === "inside" ? this.#write("leave", standing.registration.leave()) : this.#loop.idle();
    try {
      await answerWithin(left, { clock, limitMs: leaveMsMax });
    } catch (thrown) {
      const error = thrownError(thrown);
      logger.warn("this node could not leave the list: it stays there until its lease ends", { error });
    }
    this.#lifetime.abort(new Error("the membership has ended"));
  }

  #end(): void {
    this.#standing = { kind: "ended" };
    this.#unwatch?.();
    this.#loop.reschedule();
  }

  #isEnded(): boolean {
    return this.#standing.kind === "ended";
  }

  #write<T>(kind: "join" | "renewal" | "leave", call: Promise<T>): Promise<T> {
    this.#writes.add(1, { kind });
    return this.#ask(call);
  }

  #ask<T>(call: Promise<T>): Promise<T> {
    const { clock } = this.#options;
    return answerWithin(call, { clock, limitMs: callMsMax, signal: this.#lifetime.signal });
  }

  #newIncarnation(): string {
    const incarnation = Buffer.from(this.#options.rng.bytes(16)).toString("hex");
    this.#incarnations = [...this.#incarnations, incarnation].slice(-incarnationsMax);
    return incarnation;
  }

  #notEntered(): Error {
    const why = this.#outage.error?.message ?? "it did not answer";
    const message = `node ${this.self().nodeId} could not be entered in the list of nodes within ${startMsMax} ms: ${why}`;
    return new Error(message, { cause: this.#outage.error });
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** The first of two steps that comes due; `urgent` when both are due now. */
function earlier(urgent: DueStep<Step>, other: DueStep<Step>, nowMs: number): DueStep<Step> {
  return urgent.atMs <= Math.max(other.atMs, nowMs) ? urgent : other;
}
