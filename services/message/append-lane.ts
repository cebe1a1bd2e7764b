import { sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { failed, outcomeUnknown, resultOfRow, storeUnavailable } from "./append-results.ts";
import { type BatchItem, composeBatch } from "./batch-composer.ts";
import type { BatchPlan } from "./batch-outcome.ts";
import { type CommittedPart, finishCommitted, type LaneContext } from "./commit-tail.ts";
import { loadConversation } from "./conversation-loader.ts";
import type { Slot } from "./conversation-slot.ts";
import { eventsOf } from "./entry-events.ts";
import type { PendingAppend } from "./pending-append.ts";
import type { AppendOutcome } from "./ports.ts";
import { type RecoveryReason, recover } from "./recovery.ts";

/** What a lane reports, for metrics. */
export interface LaneObserver {
  batch(entries: number, outcome: AppendOutcome["kind"]): void;
  recovery(reason: RecoveryReason): void;
}

/**
 * Appends to the conversations whose ids hash to it, one batch at a time. It runs only while commands wait, and ends with
 * the context's signal. A slot is changed by its lane alone: by the batch that it is in, the tail of one that it was in,
 * or its one load or recovery.
 */
export class AppendLane {
  readonly #context: LaneContext;
  readonly #observer: LaneObserver;
  /** Loaded conversations with waiting commands, in the order in which they are served. */
  readonly #ready = new Set<Slot>();
  readonly #running = new Set<Promise<void>>();
  #isAwake = false;
  /** Ends when heads, effects and answers of all batches so far are done. */
  #tail: Promise<void> = Promise.resolve();

  constructor(context: LaneContext, observer: LaneObserver) {
    this.#context = context;
    this.#observer = observer;
  }

  /** Takes a command of a conversation of this lane. Its accounts were looked up. */
  enqueue(slot: Slot, pending: PendingAppend): void {
    slot.queue.push(pending);
    if (slot.phase === "unloaded") this.#load(slot);
    if (slot.phase === "ready") this.#ready.add(slot);
    this.#wake();
  }

  /** Resolves when nothing runs any more: batches, tails, loads and recoveries. */
  async rest(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Runs work beside the lane. What it throws is a bug: it is logged, and the work's commands expire. */
  #start(what: string, work: () => Promise<void>): Promise<void> {
    const done: Promise<void> = work()
      .catch((error: unknown) =>
        this.#context.deps.logger.error(`${what} failed`, { error: thrownError(error) }),
      )
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
    return done;
  }

  #wake(): void {
    if (this.#isAwake || this.#ready.size === 0 || this.#context.signal.aborted) return;
    this.#isAwake = true;
    // A turn later, so that commands which arrive together share the batch.
    void this.#start("a lane", () => Promise.resolve().then(() => this.#run()));
  }

  #makeReady(slot: Slot): void {
    slot.phase = "ready";
    if (slot.queue.length > 0) this.#ready.add(slot);
    this.#wake();
  }

  async #run(): Promise<void> {
    try {
      while (this.#ready.size > 0 && !this.#context.signal.aborted) await this.#runBatch();
    } finally {
      this.#isAwake = false;
    }
  }

  /** One batch. The tail of the one before may overlap its commit, not more. */
  async #runBatch(): Promise<void> {
    const tailBefore = this.#tail;
    const { items, toProve, needsIds } = composeBatch(this.#ready, this.#context);
    await this.#submit(items);
    for (const slot of toProve) this.#startRecovery(slot, "proof");
    if (needsIds) await this.#refillIds();
    // Commands that wait for what is on its way are looked at again when it has arrived.
    await (items.length === 0 ? this.#tail : tailBefore);
  }

  async #submit(items: readonly BatchItem[]): Promise<void> {
    const { deps } = this.#context;
    const movesAlong = slotsMovingAlong(items);
    for (const { row, becomes } of items) {
      if (becomes.kind === "entry") deps.trace.accepted(row, becomes.entry.entryId, row.createTimeMs);
    }
    for (let rest = items; rest.length > 0; ) {
      const outcome = await deps.entries
        .append(rest.map((item) => item.row))
        .catch((cause: unknown): AppendOutcome => ({ kind: "unknown", cause }));
      this.#observer.batch(rest.length, outcome.kind);
      const plan = deps.parts.planAfter(rest, outcome);
      this.#follow(plan, plan.headsRaised ? movesAlong : new Set());
      rest = plan.resubmit;
    }
  }

  /** Does what follows from the store's answer, in one turn; only what is to be submitted again is left. */
  #follow(plan: BatchPlan<BatchItem>, upToDate: ReadonlySet<Slot>): void {
    this.#publish(plan.committed);
    if (plan.committed.length > 0) {
      const before = this.#tail;
      const part = { items: plan.committed, upToDate };
      this.#tail = this.#start("a tail", () => before.then(() => this.#finish(part)));
    }
    const failedEntries = plan.refused.length + plan.unknown.length;
    if (failedEntries > 0) {
      const error = thrownError(plan.cause);
      this.#context.deps.logger.warn("a batch was not committed", { entries: failedEntries, error });
    }
    this.#refuse(plan.refused, plan.cause);
    for (const item of plan.unknown) if (item.becomes.kind === "entry") item.pending.sent = true;
    this.#withdraw(plan.unknown, "unknown");
    this.#withdraw(plan.withdrawn, "conflict");
  }

  /** Events leave as soon as the insert is committed, before heads, effects and results. */
  #publish(items: readonly BatchItem[]): void {
    const { router, trace, clock } = this.#context.deps;
    const wallMs = clock.wallMs();
    for (const { slot, row, becomes } of items) {
      if (becomes.kind === "void") continue;
      slot.committed = becomes.after;
      slot.unapplied.push(becomes.entry);
      slot.conflicts = 0;
      trace.committed(row, wallMs);
      for (const event of eventsOf(becomes.after.ref, row, becomes.entry)) router.publish(event);
    }
  }

  async #finish(part: CommittedPart): Promise<void> {
    const unsettled = await finishCommitted(this.#context, part);
    for (const slot of unsettled) this.#startRecovery(slot, "repair");
  }

  /** Nothing was written of these; only what an earlier batch may have written goes on. */
  #refuse(items: readonly BatchItem[], cause: unknown): void {
    this.#withdraw(
      items.filter((item) => item.pending.sent),
      "unknown",
    );
    for (const item of items) {
      if (item.pending.sent) continue;
      dropItem(item);
      this.#context.desk.answer(item.pending, failed(storeUnavailable(cause)));
    }
  }

  /** Takes items out of the batch: their commands wait again, before all others and in their old order. */
  #withdraw(items: readonly BatchItem[], reason: RecoveryReason): void {
    for (const slot of new Set(items.map((item) => item.slot))) {
      const own = items.filter((item) => item.slot === slot);
      for (const item of own) {
        dropItem(item);
        // The sender of one that expired in the batch is gone; its repetitions get the answer that is always true.
        if (item.pending.answered) this.#context.desk.answer(item.pending, failed(outcomeUnknown()));
      }
      slot.queue = [...own.map((item) => item.pending), ...slot.queue];
      this.#startRecovery(slot, reason, reason === "conflict" ? own[0]?.pending : undefined);
    }
  }

  #startRecovery(slot: Slot, reason: RecoveryReason, met?: PendingAppend): void {
    this.#ready.delete(slot);
    if (slot.phase === "recovering") return;
    slot.phase = "recovering";
    this.#observer.recovery(reason);
    void this.#start("a recovery", async () => {
      // Effects run in seq order: those of the batches before come first.
      await this.#tail;
      await recover(this.#context, { slot, reason, met });
      this.#makeReady(slot);
    });
  }

  #load(slot: Slot): void {
    const { deps, options, epoch } = this.#context;
    slot.phase = "loading";
    void this.#start("a load", async () => {
      try {
        const recent = { entriesMax: options.recentIdsMax, bytesMax: options.recentBytesMax };
        const loaded = await loadConversation(deps, slot.conversationId, { recent, epoch });
        slot.committed = loaded.state;
        slot.tip = loaded.state;
        slot.appliedSeq = loaded.state.last;
        for (const row of loaded.recentRows) slot.recent.settle(row, row.digest, resultOfRow(row));
        this.#makeReady(slot);
      } catch (error) {
        slot.phase = "unloaded";
        deps.logger.warn("a conversation could not be loaded", { error: thrownError(error) });
        for (const pending of slot.queue.splice(0)) this.#endUnwritten(pending, error);
      }
    });
  }

  async #refillIds(): Promise<void> {
    const { deps, options, signal } = this.#context;
    try {
      await deps.ids.next();
    } catch (error) {
      for (const slot of this.#ready) {
        for (const pending of slot.queue) if (!pending.sent) this.#endUnwritten(pending, error);
      }
      // What an unknown batch may have written goes on waiting; the store is not asked at once again.
      await sleep(deps.clock, options.storeBackoff.baseMs, signal);
    }
  }

  /** Ends a command that the store never got. */
  #endUnwritten(pending: PendingAppend, error: unknown): void {
    if (error instanceof Fault) this.#context.desk.answer(pending, failed(storeUnavailable(error)));
    else this.#context.desk.fail(pending, error);
  }
}

/** The item is no longer on its way; its conversation's numbers after the committed ones are free again. */
function dropItem({ slot, pending }: BatchItem): void {
  slot.busy -= 1;
  pending.inBatch = false;
  slot.recent.withdraw(pending.key);
  slot.tip = slot.committed;
}

/** The conversations whose `appliedSeq` the store moves along: without effects, and with nothing unapplied before. */
function slotsMovingAlong(items: readonly BatchItem[]): ReadonlySet<Slot> {
  const slots = new Set<Slot>();
  for (const { slot } of items) {
    if (slot.unapplied.length === 0 && slot.appliedSeq === slot.committed.last) slots.add(slot);
  }
  for (const { slot, row } of items) if (row.hasEffects) slots.delete(slot);
  return slots;
}
