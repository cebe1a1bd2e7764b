import { type BackoffPolicy, backoffDelayMs } from "../kernel/backoff.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Rng } from "../kernel/rng.ts";
import { thrownError } from "../kernel/thrown-error.ts";

/** Something to do, and when. */
export interface DueStep<Step> {
  readonly step: Step;
  /** On the monotonic clock, in milliseconds; what lies in the past is due now. */
  readonly atMs: number;
}

export interface StepLoopOptions<Step> {
  readonly clock: Clock;
  readonly rng: Rng;
  /** How long a failed step keeps all of them waiting. */
  readonly retry: BackoffPolicy;
  /** What is to be done next; undefined when there is nothing. */
  readonly next: () => DueStep<Step> | undefined;
  readonly run: (step: Step) => Promise<void>;
  /** A step was done, after so many in a row that failed. */
  readonly onDone: (step: Step, failures: number) => void;
  readonly onFailed: (error: Error) => void;
  /** Nothing ran here for longer than this after it was due, in milliseconds. `onGap` is told before anything else runs. */
  readonly gapMsMax: number;
  readonly onGap: (lateMs: number) => void;
}

/** Does one step at a time, when it is due, and notices when the process stood still meanwhile. */
export class StepLoop<Step> {
  readonly #options: StepLoopOptions<Step>;
  #timer: Timer | undefined;
  /** When the timer is due, or when the step under way began; undefined when there is neither. */
  #dueMs: number | undefined;
  #failures = 0;
  /** No step is done before. */
  #retryMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: StepLoopOptions<Step>) {
    this.#options = options;
  }

  /** What is next may be another step now, or due at another time. */
  reschedule(): void {
    this.#noteGap();
    if (this.#running !== undefined) return;
    const { clock, next } = this.#options;
    this.#timer?.cancel();
    this.#dueMs = undefined;
    const due = next();
    if (due === undefined) return;
    const nowMs = clock.monotonicMs();
    const dueMs = Math.max(due.atMs, this.#retryMs, nowMs);
    this.#dueMs = dueMs;
    this.#timer = clock.after(dueMs - nowMs, () => this.#start());
  }

  /** Resolves when no step is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #start(): void {
    this.#noteGap();
    // Whatever has come up since the timer was set goes first.
    const due = this.#options.next();
    if (due === undefined || due.atMs > this.#options.clock.monotonicMs()) return this.reschedule();
    // Begun in a microtask of its own, so that whoever is called by the step finds it under way.
    this.#running = Promise.resolve().then(() => this.#run(due.step));
  }

  async #run(step: Step): Promise<void> {
    const { clock, rng, retry, run, onDone, onFailed } = this.#options;
    this.#dueMs = clock.monotonicMs();
    try {
      await run(step);
      this.#noteGap();
      const failures = this.#failures;
      this.#failures = 0;
      onDone(step, failures);
    } catch (thrown) {
      this.#noteGap();
      this.#failures += 1;
      this.#retryMs = clock.monotonicMs() + (backoffDelayMs(retry, this.#failures, rng.fraction()) ?? 0);
      onFailed(thrownError(thrown));
    }
    this.#running = undefined;
    this.reschedule();
  }

  #noteGap(): void {
    if (this.#dueMs === undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    const lateMs = nowMs - this.#dueMs;
    if (lateMs <= this.#options.gapMsMax) return;
    this.#dueMs = nowMs;
    this.#options.onGap(lateMs);
  }
}
