import type { Clock, Timer } from "../kernel/clock.ts";

/** From one beat to the next, in milliseconds. */
const beatMs = 250;

/** For so long after a node stood still, in milliseconds, what it reads may still be what piled up meanwhile. */
const aftermathMs = 100;

/**
 * For how long this node's own loop stood still: its process was stopped, or somebody kept it busy. Then its timers are
 * late, and what it reads is old.
 */
export class OwnLag {
  readonly #clock: Clock;
  #timer: Timer;
  #beatDueMs: number;
  #stood = { lagMs: 0, untilMs: Number.NEGATIVE_INFINITY };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beatDueMs = clock.monotonicMs() + beatMs;
    this.#timer = clock.after(beatMs, () => this.#beat());
  }

  /** In milliseconds, as of now or a moment ago; whichever callback runs first after a stop sees it. */
  lagMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const overdueMs = Math.max(0, nowMs - this.#beatDueMs);
    return nowMs <= this.#stood.untilMs ? Math.max(overdueMs, this.#stood.lagMs) : overdueMs;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #beat(): void {
    const nowMs = this.#clock.monotonicMs();
    const lagMs = this.lagMs();
    // A shorter stop just after a long one does not end what follows the long one.
    if (lagMs > aftermathMs)
      this.#stood = { lagMs, untilMs: Math.max(this.#stood.untilMs, nowMs + aftermathMs) };
    this.#beatDueMs = nowMs + beatMs;
    this.#timer = this.#clock.after(beatMs, () => this.#beat());
  }
}
