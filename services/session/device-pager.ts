import { backoffDelayMs } from "../kernel/backoff.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Rng } from "../kernel/rng.ts";
import type { Semaphore } from "../kernel/semaphore.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { EntryLogStore } from "../message/ports.ts";
import type { BudgetHolder, ByteBudget } from "./byte-budget.ts";
import { encodeEntryEvent } from "./event-bytes.ts";
import type { FeedLimits } from "./feed-limits.ts";
import { Fifo } from "./fifo.ts";
import { nextReadySeq, type Track } from "./track.ts";

/** What the pagers of a node share. */
export interface PagerSurroundings {
  readonly entries: Pick<EntryLogStore, "readAfter">;
  /** Bounds the page reads of all devices together. */
  readonly pageReads: Semaphore;
  readonly pageBudget: ByteBudget;
  readonly limits: FeedLimits;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** What a pager tells its device's feed. */
export interface PagerListener {
  /** A read ended; called outside of any call of the pager. */
  pageCame(): void;
  /** Nothing of the track is in the pager any more; also called from inside `take`. */
  pageEnded(track: Track): void;
}

interface Page {
  readonly track: Track;
  readonly firstSeq: bigint;
  readonly events: readonly Uint8Array[];
}

/**
 * Reads pages of the log for one device's tracks, one after the other and one page at a time. A page that the device
 * is slow to take may be taken back by the node's budget; its track is then simply read again.
 */
export class DevicePager implements BudgetHolder {
  readonly #surroundings: PagerSurroundings;
  readonly #listener: PagerListener;
  readonly #waiting = new Fifo<Track>();
  #page: Page | undefined;
  #reading = false;
  #failures = 0;
  #retry: Timer | undefined;
  #closed = false;

  constructor(surroundings: PagerSurroundings, listener: PagerListener) {
    this.#surroundings = surroundings;
    this.#listener = listener;
  }

  /** Has the track's next entries read when its turn comes. */
  add(track: Track): void {
    this.#waiting.push(track);
  }

  /** Begins to read if there is something to read and nothing else is being read or waits to be taken. */
  start(): void {
    if (this.#page !== undefined || this.#reading || this.#closed) return;
    const track = this.#waiting.shift();
    if (track === undefined) return;
    this.#reading = true;
    void this.#read(track);
  }

  /** The next entry of the page that is here. A page that does not have its track's next entry is thrown away. */
  take(): { readonly track: Track; readonly seq: bigint; readonly event: Uint8Array } | undefined {
    const page = this.#page;
    if (page === undefined) return undefined;
    const { track } = page;
    const seq = track.state === "paging" && track.notice === undefined ? nextReadySeq(track) : undefined;
    const event =
      seq === undefined || seq < page.firstSeq ? undefined : page.events[Number(seq - page.firstSeq)];
    if (seq !== undefined && event !== undefined) return { track, seq, event };
    this.#dropPage();
    this.#listener.pageEnded(track);
    return undefined;
  }

  /** The node's budget for pages is used up, and this one has waited longest. */
  release(): void {
    const page = this.#page;
    this.#page = undefined;
    if (page !== undefined) this.#waiting.push(page.track);
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#waiting.clear();
    this.#dropPage();
  }

  #dropPage(): void {
    this.#page = undefined;
    this.#surroundings.pageBudget.drop(this);
  }

  async #read(track: Track): Promise<void> {
    try {
      const page = await this.#surroundings.pageReads.run(() => this.#readPage(track));
      if (this.#closed) return;
      this.#failures = 0;
      this.#take(track, page);
    } catch (error) {
      if (!this.#closed) this.#tryLater(track, error);
    }
  }

  #take(track: Track, page: Page | undefined): void {
    this.#reading = false;
    if (page === undefined) this.#listener.pageEnded(track);
    else {
      this.#page = page;
      const bytes = page.events.reduce((sum, event) => sum + event.byteLength, 0);
      this.#surroundings.pageBudget.hold(this, bytes);
    }
    this.#listener.pageCame();
  }

  /** The entries from the track's next one on; undefined when it needs none any more. Only what follows without a hole counts. */
  async #readPage(track: Track): Promise<Page | undefined> {
    const firstSeq = track.state === "paging" ? nextReadySeq(track) : undefined;
    if (firstSeq === undefined || this.#closed) return undefined;
    const { pageEntriesMax: entriesMax, pageBytesMax: bytesMax } = this.#surroundings.limits;
    const { conversationId } = track.log;
    const rows = await this.#surroundings.entries.readAfter(conversationId, firstSeq - 1n, {
      entriesMax,
      bytesMax,
    });
    const events: Uint8Array[] = [];
    for (const row of rows) {
      if (row.seq !== firstSeq + BigInt(events.length)) break;
      events.push(encodeEntryEvent(row.bytes));
    }
    if (events.length === 0) throw new Error(`the store does not show entry ${firstSeq} yet`);
    return { track, firstSeq, events };
  }

  /** The stream stays while the store is away. */
  #tryLater(track: Track, error: unknown): void {
    const { clock, limits, logger, rng } = this.#surroundings;
    this.#failures += 1;
    const fields = {
      conversationId: track.log.conversationId,
      failures: this.#failures,
      error: thrownError(error),
    };
    if (this.#failures < 3) logger.info("reading a page failed and is tried again", fields);
    else logger.warn("reading a page keeps failing", fields);
    const delayMs = backoffDelayMs(limits.retry, this.#failures, rng.fraction()) ?? 0;
    this.#retry = clock.after(delayMs, () => {
      this.#retry = undefined;
      void this.#read(track);
    });
  }
}
