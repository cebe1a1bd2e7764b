import { type BackoffPolicy, backoffDelayMs } from "../kernel/backoff.ts";
import { sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { answerRepetition, failed, outcomeUnknown, resultOfRow, storeUnavailable } from "./append-results.ts";
import { type LaneContext, settleOnce } from "./commit-tail.ts";
import type { Slot } from "./conversation-slot.ts";
import { advance } from "./conversation-state.ts";
import { eventsOf } from "./entry-events.ts";
import { entryOfRow } from "./entry-row.ts";
import type { PendingAppend } from "./pending-append.ts";
import type { EntryRow } from "./ports.ts";
import type { ReadBack } from "./read-back.ts";
import { headRowOf } from "./settlement.ts";

/**
 * Why a conversation has to be read before it goes on.
 * - `proof`: a rejection has to be proved;
 * - `conflict`: a row met a unique index: another owner was faster, or an id was taken long ago;
 * - `unknown`: a batch may be written, now or later;
 * - `repair`: effects of committed entries are not finished.
 */
export type RecoveryReason = "proof" | "conflict" | "unknown" | "repair";

/** What led to a recovery. */
export interface Recovery {
  readonly slot: Slot;
  readonly reason: RecoveryReason;
  /** The command whose row met the index: its own id may be what was taken. */
  readonly met: PendingAppend | undefined;
}

/**
 * Reads what the log holds beyond what this owner knew, publishes it, finishes its effects, and answers the waiting
 * commands that turn out to be in the log. Tries until it succeeds or the appender stops: what was written and not yet
 * published must be. Commands that were never given to the store are refused meanwhile, instead of waiting.
 */
export async function recover(context: LaneContext, recovery: Recovery): Promise<void> {
  const { deps, options, signal } = context;
  const { slot, reason } = recovery;
  // Before the read and not after it: between reading and inserting a rival that goes on would be faster once more.
  if (reason === "conflict" && slot.conflicts > 0)
    await backOff(context, conflictPolicy(context, slot), slot.conflicts);
  let looks = 0;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      const foreign = await lookOnce(context, slot);
      looks += 1;
      // A conflicting entry that is not visible yet is read for once more; then the insert is tried again.
      const invisible = reason === "conflict" && !foreign && recovery.met?.answered === false;
      if (invisible && looks === 1) continue;
      slot.conflicts = reason === "conflict" && (foreign || invisible) ? slot.conflicts + 1 : 0;
      return;
    } catch (error) {
      deps.logger.warn("a conversation could not be read back", {
        reason,
        attempt,
        error: thrownError(error),
      });
      refuseWaiting(context, recovery, error);
    }
    await backOff(context, options.storeBackoff, attempt);
  }
}

/** The later this node is among the conversation's owners, the longer its first waits are. */
function conflictPolicy({ deps, options }: LaneContext, { conversationId }: Slot): BackoffPolicy {
  const rank = Math.max(0, deps.conflictRank?.(conversationId) ?? 0);
  return { ...options.conflictBackoff, baseMs: options.conflictBackoff.baseMs * (1 + rank) };
}

async function backOff(context: LaneContext, policy: BackoffPolicy, attempt: number): Promise<void> {
  const { clock, rng } = context.deps;
  await sleep(clock, backoffDelayMs(policy, attempt, rng.fraction()) ?? policy.maxMs, context.signal);
}

/** One read and what follows from it; true when it brought entries that others have written. */
async function lookOnce(context: LaneContext, slot: Slot): Promise<boolean> {
  const { deps, options, desk } = context;
  const asked = slot.queue.filter((pending) => !pending.answered).slice(0, options.readBackIdsMax);
  const { conversationId, committed } = slot;
  const found = await deps.parts.readBack(
    deps.entries,
    conversationId,
    committed.last,
    asked.map((pending) => pending.key),
  );
  const own = ownRows(asked, found);
  const rowsOfOthers = absorb(context, slot, found.rows, new Set(own.values()));
  // A duplicate's answer repeats the upsert, in case the first answer was lost together with its effects.
  if (slot.unapplied.length > 0) await settleOnce(context, [slot]);
  else if (own.size > 0)
    await deps.heads.raise([headRowOf(slot.committed, slot.appliedSeq, deps.clock.wallMs())]);
  for (const [pending, row] of own) {
    slot.recent.settle(pending.key, row.digest, resultOfRow(row));
    desk.answer(
      pending,
      answerRepetition(pending.command, pending.digest, { digest: row.digest, result: resultOfRow(row) }),
    );
  }
  for (const pending of asked) pending.provedAt = slot.tip;
  return rowsOfOthers > 0;
}

/** The waiting commands whose ids are taken, by either read: an entry may have come between the two. */
function ownRows(asked: readonly PendingAppend[], found: ReadBack): Map<PendingAppend, EntryRow> {
  const rows = new Map([...found.taken, ...found.rows].map((row) => [keyText(row), row]));
  const own = new Map<PendingAppend, EntryRow>();
  for (const pending of asked) {
    const row = rows.get(keyText(pending.key));
    if (row !== undefined) own.set(pending, row);
  }
  return own;
}

/** Takes entries that this owner did not know into its state and publishes them, in one turn; counts those of others. */
function absorb(
  context: LaneContext,
  slot: Slot,
  rows: readonly EntryRow[],
  own: ReadonlySet<EntryRow>,
): number {
  const { router, trace, clock } = context.deps;
  const wallMs = clock.wallMs();
  let foreign = 0;
  // A fresh object even when nothing came: it is what proves that a later rejection was read for.
  let state = { ...slot.committed };
  for (const row of rows) {
    const entry = entryOfRow(row);
    state = advance(state, entry);
    slot.unapplied.push(entry);
    slot.recent.settle(row, row.digest, resultOfRow(row));
    if (!own.has(row)) foreign += 1;
    trace.found(row, wallMs);
    for (const event of eventsOf(state.ref, row, entry)) router.publish(event);
  }
  slot.committed = state;
  slot.tip = state;
  return foreign;
}

/** The store cannot be read: only those that it may have, or may yet get, go on waiting until their deadlines. */
function refuseWaiting(context: LaneContext, { slot, met }: Recovery, error: unknown): void {
  for (const pending of slot.queue) {
    if (pending.sent || pending.answered) continue;
    // The row that met an index may have met its own, so nobody can say that it was not written.
    if (pending === met) context.desk.answer(pending, failed(outcomeUnknown(error)));
    else if (error instanceof Fault) context.desk.answer(pending, failed(storeUnavailable(error)));
    else context.desk.fail(pending, error);
  }
  slot.queue = slot.queue.filter((pending) => !pending.answered);
}

function keyText(key: { readonly senderId: string; readonly clientMessageId: string }): string {
  return `${key.senderId}/${key.clientMessageId}`;
}
