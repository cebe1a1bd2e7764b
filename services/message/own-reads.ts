import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { AppendRouter } from "./append-router.ts";
import type { EventSink, PersonalStore, RowVersions } from "./ports.ts";
import { versionsEvent } from "./signals.ts";
import type { ReadCursorPosition } from "./unread.ts";

/** How long a cursor waits at most before it is on its way to the store, in milliseconds. */
export const flushIntervalMs = 1_000;

/** Cursors that wait; one more is not kept, which costs its sender an unread count that is too high. */
export const pendingCursorsMax = 10_000;

/** Cursors that go to the store in one call. */
export const cursorsPerFlushMax = 500;

export interface OwnReadsOptions {
  readonly personal: PersonalStore;
  readonly versions: RowVersions;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface PendingCursor extends ReadCursorPosition {
  readonly accountId: string;
  readonly conversationId: string;
}

/**
 * The read cursors of senders: who sends a message has read up to it. They are gathered and written in bulk, and
 * only in memory until then: a crash loses at most the last second, which costs an unread count and no message.
 */
export class OwnReads {
  readonly #options: OwnReadsOptions;
  readonly #pending = new Map<string, PendingCursor>();
  readonly #dropped;
  #timer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: OwnReadsOptions) {
    this.#options = options;
    this.#dropped = options.metrics.counter(
      "own_reads_dropped_total",
      "Read cursors of senders that were not kept because too many waited",
    );
    options.metrics.observedGauge(
      "own_reads_pending",
      "Read cursors of senders that wait for the store",
      () => this.#pending.size,
    );
  }

  /** The account's send was committed at `seq` with `ordinal`. Never blocks and never throws. */
  noteSent(accountId: string, conversationId: string, seq: bigint, ordinal: bigint): void {
    const key = keyOf(accountId, conversationId);
    const known = this.#pending.get(key);
    if (known !== undefined && known.readSeq >= seq) return;
    if (this.#stopped || (known === undefined && this.#pending.size >= pendingCursorsMax)) {
      this.#dropped.add();
      return;
    }
    this.#pending.set(key, { accountId, conversationId, readSeq: seq, readOrdinal: ordinal });
    this.#timer ??= this.#options.clock.after(flushIntervalMs, () => this.#flushSoon());
  }

  /** The cursor that waits for the store, if one does: it counts like one that is there already. */
  pending(accountId: string, conversationId: string): ReadCursorPosition | undefined {
    return this.#pending.get(keyOf(accountId, conversationId));
  }

  /** Drops what waits: the entries that it is about may have been undone. Costs unread counts that are too high. */
  forget(): void {
    this.#pending.clear();
  }

  /** Writes what waits and takes nothing more. Never rejects: what the store refuses now is lost. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #flushSoon(): void {
    this.#flushing = this.#flushing.then(async () => {
      await this.#flush();
      // What the store refused, and what came meanwhile, waits for the next time.
      const again = this.#pending.size > 0 && !this.#stopped;
      this.#timer = again ? this.#options.clock.after(flushIntervalMs, () => this.#flushSoon()) : undefined;
    });
  }

  async #flush(): Promise<void> {
    const cursors = [...this.#pending];
    for (let start = 0; start < cursors.length; start += cursorsPerFlushMax) {
      try {
        await this.#write(cursors.slice(start, start + cursorsPerFlushMax));
      } catch (thrown) {
        const cause = thrownError(thrown);
        this.#options.logger.warn("read cursors of senders were not written", {
          waiting: this.#pending.size,
          cause,
        });
        return;
      }
    }
  }

  async #write(cursors: readonly (readonly [string, PendingCursor])[]): Promise<void> {
    const rows = [];
    const newest = new Map<string, bigint>();
    for (const [, cursor] of cursors) {
      const version = await this.#options.versions.next();
      rows.push({ ...cursor, version });
      newest.set(cursor.accountId, version);
    }
    await this.#options.personal.raiseReadCursors(rows);
    for (const [key, cursor] of cursors) {
      if (this.#pending.get(key) === cursor) this.#pending.delete(key);
    }
    for (const [accountId, version] of newest)
      this.#options.events.publish(versionsEvent(accountId, version));
  }
}

/** A router beside which `ownReads` hears of every message that its callers have sent. */
export function notingOwnSends(router: AppendRouter, ownReads: Pick<OwnReads, "noteSent">): AppendRouter {
  return {
    async append(command) {
      const result = await router.append(command);
      if (result.kind === "committed" && command.body.kind === "message") {
        const { seq, messageOrdinal } = result.committed;
        ownReads.noteSent(command.senderId, command.conversationId, seq, messageOrdinal);
      }
      return result;
    },
  };
}

/** Neither kind of id has a slash in it. */
function keyOf(accountId: string, conversationId: string): string {
  return `${accountId}/${conversationId}`;
}
