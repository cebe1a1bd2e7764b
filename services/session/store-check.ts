import { backoffDelayMs } from "../kernel/backoff.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Counter, Histogram, Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import type { ChangeStore, StoreChanges } from "../message/ports.ts";
import type { EffectSettler } from "./ports.ts";

/** Every bound of the store check. */
export const storeCheckLimits = {
  /** Between two checks on average; each pause is a fifth shorter to a fifth longer, so that nodes spread. */
  intervalMs: 5_000,
  /** The longest pause, after a check that was large and found nothing disrupted. */
  intervalMsMax: 60_000,
  /** A check that read more rows than this is large. */
  rowsPerCheckLarge: 50_000,
  /** Rows of one read. */
  rowsPerReadMax: 2_000,
  /** Conversations with unfinished effects that are remembered until the next check. */
  unfinishedMax: 10_000,
  /** Conversations in one call of the settler. */
  idsPerSettleMax: 1_000,
  /** Between failed checks. */
  retry: { baseMs: 200, maxMs: 5_000 },
} as const;

/** What hears of changes: the feeds of a node. */
export interface ChangeListener {
  /** Applies what changed to this node's devices; answers how much of it was news. Costs a look-up where it is none. */
  hear(changes: StoreChanges): number;
}

export interface StoreCheckOptions {
  readonly changes: ChangeStore;
  readonly feeds: ChangeListener;
  readonly effects: EffectSettler;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The one repair of everything that nodes may miss of one another: from time to time a node reads what changed. */
export interface StoreCheck {
  /** Begins with what changes from now on. Rejects as the store does. */
  start(): Promise<void>;
  /** Checks at once, and once more when a check is under way: something may have been missed. */
  checkNow(): void;
  stop(): void;
}

/** Creates the check of one node. It owns no topic and asks no node, so it works whatever the mesh thinks. */
export function createStoreCheck(options: StoreCheckOptions): StoreCheck {
  return new IntervalCheck(options);
}

class IntervalCheck implements StoreCheck {
  readonly #options: StoreCheckOptions;
  readonly #rows: Counter;
  readonly #found: Counter;
  readonly #failed: Counter;
  readonly #seconds: Histogram;
  #mark = "";
  /** Conversations that had unfinished effects: whoever was to finish them may be gone. */
  #unfinished = new Set<string>();
  #timer: Timer | undefined;
  #failures = 0;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(options: StoreCheckOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#rows = metrics.counter("store_check_rows_total", "Changed rows that store checks have read");
    this.#found = metrics.counter("store_check_found_total", "Changes of which this node had not heard");
    this.#failed = metrics.counter("store_check_failures_total", "Store checks that failed");
    this.#seconds = metrics.histogram(
      "store_check_seconds",
      "Time of a store check",
      [0.001, 0.01, 0.1, 1, 10],
    );
  }

  async start(): Promise<void> {
    this.#mark = await this.#options.changes.currentMark();
    this.#checkIn(this.#intervalMs());
  }

  checkNow(): void {
    if (this.#stopped || this.#mark === "") return;
    this.#again = this.#running;
    if (!this.#running) this.#checkIn(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #checkIn(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    const { clock, logger, rng } = this.#options;
    const startMs = clock.monotonicMs();
    this.#running = true;
    let delayMs: number;
    try {
      const { rows, found } = await this.#readAll();
      this.#failures = 0;
      const calm = rows > storeCheckLimits.rowsPerCheckLarge && found === 0;
      delayMs = calm ? storeCheckLimits.intervalMsMax : this.#intervalMs();
    } catch (error) {
      this.#failures += 1;
      this.#failed.add();
      const fields = { failures: this.#failures, error: thrownError(error) };
      if (this.#failures < 3) logger.info("a store check failed and is made again", fields);
      else logger.warn("store checks keep failing", fields);
      delayMs = backoffDelayMs(storeCheckLimits.retry, this.#failures, rng.fraction()) ?? 0;
    }
    this.#seconds.observe((clock.monotonicMs() - startMs) / 1_000);
    this.#running = false;
    const again = this.#again && this.#failures === 0;
    this.#again = false;
    this.#checkIn(again ? 0 : delayMs);
  }

  /** Page by page; the mark moves along, so that a failure costs only the page. */
  async #readAll(): Promise<{ readonly rows: number; readonly found: number }> {
    const { changes, feeds } = this.#options;
    await this.#finishEffects();
    let [rows, found] = [0, 0];
    for (let more = true; more && !this.#stopped; ) {
      const page = await changes.changedSince(this.#mark, storeCheckLimits.rowsPerReadMax);
      const news = feeds.hear(page);
      this.#remember(page);
      this.#mark = page.mark;
      const read = page.heads.length + page.members.length;
      this.#rows.add(read);
      this.#found.add(news);
      rows += read;
      found += news;
      ({ more } = page);
    }
    return { rows, found };
  }

  /** Effects are finished within moments, unless their owner has died in between: then by whoever looks a check later. */
  async #finishEffects(): Promise<void> {
    const ids = [...this.#unfinished];
    for (let start = 0; start < ids.length; start += storeCheckLimits.idsPerSettleMax) {
      const chunk = ids.slice(start, start + storeCheckLimits.idsPerSettleMax);
      await this.#options.effects.settle(chunk);
      for (const id of chunk) this.#unfinished.delete(id);
    }
  }

  #remember({ heads }: StoreChanges): void {
    for (const { conversationId, headSeq, appliedSeq } of heads) {
      if (appliedSeq >= headSeq) this.#unfinished.delete(conversationId);
      else if (this.#unfinished.size < storeCheckLimits.unfinishedMax) this.#unfinished.add(conversationId);
    }
  }

  #intervalMs(): number {
    return storeCheckLimits.intervalMs * (0.8 + 0.4 * this.#options.rng.fraction());
  }
}
