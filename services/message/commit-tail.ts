import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import { backoffDelayMs } from "../kernel/backoff.ts";
import { sleep } from "../kernel/clock.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { AppendResult } from "./append-command.ts";
import type { AppendDeps } from "./append-deps.ts";
import type { AppendOptions } from "./append-options.ts";
import { committedOf, failed, outcomeUnknown } from "./append-results.ts";
import type { BatchItem } from "./batch-composer.ts";
import type { Slot } from "./conversation-slot.ts";
import type { ConversationState } from "./conversation-state.ts";
import { hasEffects } from "./effects.ts";
import type { AnswerDesk } from "./pending-append.ts";
import { applyEffects, headRowOf } from "./settlement.ts";

/** What a lane, its tails and its recoveries work with. */
export interface LaneContext {
  readonly deps: AppendDeps;
  readonly options: AppendOptions;
  /** Of everything that is appended: the one in which the conversations in memory were loaded. */
  readonly epoch: bigint;
  readonly desk: AnswerDesk;
  /** Aborts when the appender stops. */
  readonly signal: AbortSignal;
}

/** A part of a batch that is durable and was published. */
export interface CommittedPart {
  readonly items: readonly BatchItem[];
  /** The store raised these conversations' heads rows in the same transaction, `appliedSeq` along with them. */
  readonly upToDate: ReadonlySet<Slot>;
}

/**
 * Raises heads, runs effects, then tells the senders. Answers the slots for which that failed: their senders were told that
 * the outcome is unknown, and they need to be repaired before they go on.
 */
export async function finishCommitted(context: LaneContext, part: CommittedPart): Promise<ReadonlySet<Slot>> {
  for (const item of part.items) {
    // Nothing of the slot was unapplied when its batch was composed, so the oldest are those of this part.
    if (item.becomes.kind === "entry" && part.upToDate.has(item.slot)) markApplied(item.slot, 1);
  }
  const slots = [...new Set(part.items.map((item) => item.slot))];
  const unsettled = await settleSlots(
    context,
    slots.filter((slot) => slot.unapplied.length > 0 && !part.upToDate.has(slot)),
  );
  for (const item of part.items) {
    item.slot.busy -= 1;
    item.pending.inBatch = false;
    const result = resultOf(item);
    item.slot.recent.settle(item.pending.key, item.pending.digest, result);
    const isUnsettled = unsettled.has(item.slot) && item.becomes.kind === "entry";
    context.desk.answer(item.pending, isUnsettled ? failed(outcomeUnknown()) : result);
  }
  return unsettled;
}

/**
 * Finishes the effects of what is committed and unapplied in these slots: heads rows first, in one upsert that moves
 * `appliedSeq` for those without effects; then effects, and their `appliedSeq` after them. Rejects as the store does.
 */
export async function settleOnce(context: LaneContext, slots: readonly Slot[]): Promise<void> {
  const { heads, clock } = context.deps;
  const jobs = slots.map(jobOf);
  await heads.raise(
    jobs.map(({ slot, state, effects }) =>
      headRowOf(state, effects ? slot.appliedSeq : state.last, clock.wallMs()),
    ),
  );
  for (const { slot, state, entries, effects } of jobs) {
    if (effects) {
      await applyEffects(context.deps, state, entries);
      await heads.raise([headRowOf(state, state.last, clock.wallMs())]);
    }
    markApplied(slot, entries.length);
  }
}

interface SettleJob {
  readonly slot: Slot;
  /** After the last of `entries`. */
  readonly state: ConversationState;
  readonly entries: readonly Entry[];
  readonly effects: boolean;
}

/** A picture of the slot as it is now: more entries may be committed while its effects are written. */
function jobOf(slot: Slot): SettleJob {
  const effects = slot.unapplied.some((entry) => hasEffects(entry.body));
  return { slot, state: slot.committed, entries: [...slot.unapplied], effects };
}

/** Settles slots, trying again a few times; answers those that could not be. */
async function settleSlots(context: LaneContext, slots: readonly Slot[]): Promise<ReadonlySet<Slot>> {
  const { deps, options, signal } = context;
  const policy = { ...options.storeBackoff, attemptsMax: options.settleAttemptsMax };
  let failing = slots;
  for (let attempt = 1; failing.length > 0; attempt += 1) {
    try {
      await settleOnce(context, failing);
      return new Set();
    } catch (error) {
      deps.logger.warn("effects of committed entries could not be finished", {
        attempt,
        error: thrownError(error),
      });
    }
    failing = failing.filter((slot) => slot.unapplied.length > 0);
    const delayMs = backoffDelayMs(policy, attempt, deps.rng.fraction());
    if (delayMs === undefined || signal.aborted) break;
    await sleep(deps.clock, delayMs, signal);
  }
  return new Set(failing);
}

/** The first `count` unapplied entries are in their rows now. */
function markApplied(slot: Slot, count: number): void {
  const applied = slot.unapplied.splice(0, count);
  slot.appliedSeq = applied.at(-1)?.seq ?? slot.appliedSeq;
}

function resultOf(item: BatchItem): AppendResult {
  if (item.becomes.kind === "void") return failed(item.becomes.fault);
  return { kind: "committed", committed: committedOf(item.row) };
}
