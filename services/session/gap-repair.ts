import { backoffDelayMs } from "../kernel/backoff.ts";
import { type Clock, sleep } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Counter } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { Semaphore } from "../kernel/semaphore.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { EntryLogStore, EntryRow } from "../message/ports.ts";
import { encodeEntryEvent } from "./event-bytes.ts";
import type { FeedLimits } from "./feed-limits.ts";
import { decodeMembershipChange } from "./membership-change.ts";
import type { DeliveryTrace } from "./ports.ts";
import type { TopicView } from "./topic-view.ts";

/** What the repair of gaps needs. */
export interface GapRepairOptions {
  readonly entries: Pick<EntryLogStore, "readAfter">;
  /** Bounds the reads of all views together. */
  readonly reads: Semaphore;
  readonly limits: FeedLimits;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  /** Counts entries that came by a read because their event did not. */
  readonly repaired: Counter;
  readonly trace: Pick<DeliveryTrace, "repaired">;
  /** Ends waits when the node's feeds stop. */
  readonly stopped: AbortSignal;
}

/**
 * Reads what lies between a view's head and its target, page by page, for all its devices at once. While the store is
 * away, or does not show the entries yet, it tries again with back-off for as long as somebody needs the view.
 */
export async function repairGap(view: TopicView, options: GapRepairOptions): Promise<void> {
  let failures = 0;
  while (view.gapped && !options.stopped.aborted) {
    try {
      failures = (await readPage(view, options)) ? 0 : failures + 1;
    } catch (error) {
      failures += 1;
      logFailure(options.logger, view.conversationId, failures, error);
    }
    if (failures > 0) await pause(options, failures);
  }
}

/** Offers one page to the view; says whether the head has moved. */
async function readPage(view: TopicView, options: GapRepairOptions): Promise<boolean> {
  const before = view.head;
  const rows = await options.reads.run(async () => {
    const head = view.head;
    return head === undefined ? [] : await options.entries.readAfter(view.conversationId, head, view.gapPage);
  });
  if (view.closed) return false;
  const wallMs = options.clock.wallMs();
  for (const row of rows) {
    // Later ones may have come meanwhile, or been held for want of those before them.
    if (row.seq > (view.head ?? 0n)) options.trace.repaired(row, wallMs);
    view.offer({ seq: row.seq, event: encodeEntryEvent(row.bytes), change: changeOf(row) });
  }
  options.repaired.add(rows.length);
  return view.head !== before;
}

function changeOf(row: EntryRow): ReturnType<typeof decodeMembershipChange> {
  return row.hasEffects ? decodeMembershipChange(row.bytes) : undefined;
}

function pause(options: GapRepairOptions, failures: number): Promise<void> {
  const delayMs = backoffDelayMs(options.limits.retry, failures, options.rng.fraction()) ?? 0;
  return sleep(options.clock, delayMs, options.stopped);
}

/** Failures that repeat grow louder. */
function logFailure(logger: Logger, conversationId: string, failures: number, error: unknown): void {
  const fields = {
    conversationId,
    failures,
    error: thrownError(error),
  };
  if (failures < 3) logger.info("reading a gap failed and is tried again", fields);
  else logger.warn("reading a gap keeps failing", fields);
}
