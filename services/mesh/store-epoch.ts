import { backoffDelayMs } from "../kernel/backoff.ts";
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Counter, Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { answerWithin } from "./answer-within.ts";
import type { Coordinator } from "./coordinator.ts";
import { epochStep, firstEpochMark, higherMark, nextTick } from "./epoch-step.ts";
import type { EpochMark, EpochMarkStore, StoreMark } from "./ports.ts";

/** Every bound of the watch over the store's epoch. */
export const storeEpochLimits = {
  /** Between two looks on average; each pause is a tenth shorter to a tenth longer, so that nodes spread. */
  intervalMs: 10_000,
  /** Between two looks that somebody asks for. */
  refreshGapMsMin: 1_000,
  /** How long the coordinator may take to answer. */
  callMsMax: 3_000,
  /** How long a node that starts tries to find out the epoch. */
  startMsMax: 30_000,
  /** How often a look begins anew because another node replaced the mark meanwhile. */
  attemptsMax: 10,
  /** Between failed looks. */
  retry: { baseMs: 200, maxMs: 5_000 },
} as const;

export interface StoreEpochOptions {
  readonly store: EpochMarkStore;
  readonly coordinator: Pick<Coordinator, "readMark" | "raiseMark">;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What a running node is asked for and told. */
export interface EpochDuties {
  /** This node is the one that raises the tick. Of two that think so, one raises it. */
  hasTick(): boolean;
  /** The epoch was raised since the node started: whatever it knows of logs may be void. Called once for each. */
  onRaised(): Promise<void>;
}

/** Which epoch the store is in, and whether it was put back to an earlier state. */
export interface StoreEpoch {
  current(): bigint;
  /** What was appended in the epoch, up to some entry of each log, is in the store. Not so for one that others went on with. */
  isOwn(epoch: bigint): boolean;
  /**
   * Looks at once, because somebody has heard of a higher epoch; one look for all who ask within `refreshGapMsMin`.
   * Resolves when the look is over and what follows from it is done; never rejects.
   */
  refresh(): Promise<void>;
  /** Looks from time to time, from now on. */
  start(duties: EpochDuties): void;
  /** Resolves when no look is under way. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Finds out the store's epoch, and raises it when the store lost what the coordinator was told of; raises the tick too, so
 * that a copy of the store which is older than this start will be found to be one. Nothing may be appended before. Tries
 * for `startMsMax`, then rejects as the store or the coordinator does.
 */
export async function openStoreEpoch(options: StoreEpochOptions): Promise<StoreEpoch> {
  const watch = new EpochWatch(options);
  const { clock, rng } = options;
  const endMs = clock.monotonicMs() + storeEpochLimits.startMsMax;
  for (let failures = 1; ; failures += 1) {
    try {
      await watch.look(true);
      return watch;
    } catch (error) {
      if (clock.monotonicMs() >= endMs) throw error;
      watch.logFailure(error, failures);
    }
    await sleep(clock, backoffDelayMs(storeEpochLimits.retry, failures, rng.fraction()) ?? 0);
  }
}

class EpochWatch implements StoreEpoch {
  readonly #options: StoreEpochOptions;
  readonly #failed: Counter;
  readonly #raised: Counter;
  #current = firstEpochMark.epoch;
  #lineage: ReadonlySet<bigint> = new Set([firstEpochMark.epoch]);
  /** The last tick that was seen, and when it was seen first. */
  #tick = firstEpochMark.tick;
  #tickSeenMs: number;
  #duties: EpochDuties | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #refreshing: Promise<void> | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  readonly #stopping = new AbortController();

  constructor(options: StoreEpochOptions) {
    this.#options = options;
    const { clock, metrics } = options;
    this.#tickSeenMs = clock.monotonicMs();
    this.#failed = metrics.counter("store_epoch_failures_total", "Looks at the store's epoch that failed");
    this.#raised = metrics.counter(
      "store_epoch_raised_total",
      "Times that this node raised the store's epoch because the store was put back",
    );
    metrics.observedGauge("store_epoch", "The store's epoch as this node knows it", () =>
      Number(this.#current),
    );
    metrics.observedGauge(
      "store_tick_age_seconds",
      "Time since this node last saw a new tick of the store",
      () => (clock.monotonicMs() - this.#tickSeenMs) / 1_000,
    );
  }

  current(): bigint {
    return this.#current;
  }

  isOwn(epoch: bigint): boolean {
    return this.#lineage.has(epoch);
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  start(duties: EpochDuties): void {
    this.#duties = duties;
    this.#lookIn(this.#intervalMs());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  /** One look; `raisesTick`: with a tick. Rejects as the store or the coordinator does; nothing else depends on that. */
  async look(raisesTick: boolean): Promise<void> {
    for (let attempt = 1; attempt <= storeEpochLimits.attemptsMax; attempt += 1) {
      if (await this.#lookOnce(raisesTick)) return;
    }
    throw new Error(
      `the store's epoch mark was replaced ${storeEpochLimits.attemptsMax} times while it was read`,
    );
  }

  /** Failures that repeat grow louder. */
  logFailure(error: unknown, failures: number): void {
    this.#failed.add();
    const fields = { failures, error: thrownError(error) };
    if (failures < 3)
      this.#options.logger.info("a look at the store's epoch failed and is made again", fields);
    else
      this.#options.logger.warn(
        "looks at the store's epoch keep failing: a store that was put back would not be noticed now",
        fields,
      );
  }

  /** False when another node replaced the mark in between: what was read is out of date. */
  async #lookOnce(raisesTick: boolean): Promise<boolean> {
    const { store, coordinator } = this.#options;
    // The coordinator first, see `epochStep`. While it is away, an epoch that others have raised is taken all the same.
    const [told] = await Promise.allSettled([this.#answer(coordinator.readMark())]);
    const mark = await store.read();
    if (told.status === "rejected") {
      await this.#take(mark);
      throw told.reason;
    }
    const known = higherMark(told.value, { epoch: this.#current, tick: firstEpochMark.tick });
    const step = epochStep(known, mark);
    const to = step.kind === "raise" ? step.to : raisesTick ? nextTick(mark) : mark;
    if (to !== mark && !(await store.raise(mark, to))) return false;
    if (step.kind === "raise") this.#tellRaised(mark, told.value, to);
    await this.#take(to);
    if (to !== mark) await this.#answer(coordinator.raiseMark({ epoch: to.epoch, tick: to.tick }));
    return true;
  }

  #tellRaised(store: EpochMark, told: EpochMark, to: EpochMark): void {
    this.#raised.add();
    this.#options.logger.warn(
      "the store was put back to an earlier state, so its epoch was raised: devices drop what was undone",
      {
        epoch: `${to.epoch}`,
        storeEpoch: `${store.epoch}`,
        storeTick: `${store.tick}`,
        toldEpoch: `${told.epoch}`,
        toldTick: `${told.tick}`,
      },
    );
  }

  async #take({ epoch, tick, lineage }: StoreMark): Promise<void> {
    if (tick !== this.#tick) this.#tickSeenMs = this.#options.clock.monotonicMs();
    this.#tick = tick;
    if (epoch <= this.#current) return;
    const before = this.#current;
    this.#current = epoch;
    this.#lineage = new Set(lineage);
    if (this.#duties === undefined) return;
    this.#options.logger.warn(
      "the store is in a new epoch: what this node knew of its logs is forgotten, and its devices open again",
      { epoch: `${epoch}`, before: `${before}` },
    );
    await this.#duties.onRaised();
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    const earlyMs = this.#refreshedMs + storeEpochLimits.refreshGapMsMin - clock.monotonicMs();
    if (earlyMs > 0) await sleep(clock, earlyMs, signal);
    // One that is under way may have read the mark before.
    await this.#running;
    if (signal.aborted) return;
    this.#refreshedMs = clock.monotonicMs();
    this.#timer?.cancel();
    this.#begin();
    await this.#running;
  }

  #lookIn(delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = this.#options.clock.after(delayMs, () => this.#begin());
  }

  /** One look at a time. */
  #begin(): void {
    this.#running = this.#lookAgain().finally(() => (this.#running = undefined));
  }

  async #lookAgain(): Promise<void> {
    const { rng } = this.#options;
    let delayMs = this.#intervalMs();
    try {
      await this.look(this.#duties?.hasTick() === true);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      this.logFailure(error, this.#failures);
      delayMs = backoffDelayMs(storeEpochLimits.retry, this.#failures, rng.fraction()) ?? 0;
    }
    this.#lookIn(delayMs);
  }

  #answer<T>(pending: Promise<T>): Promise<T> {
    const { clock } = this.#options;
    return answerWithin(pending, { clock, limitMs: storeEpochLimits.callMsMax });
  }

  #intervalMs(): number {
    return storeEpochLimits.intervalMs * (0.9 + 0.2 * this.#options.rng.fraction());
  }
}
