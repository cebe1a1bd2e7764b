/** Bounds of opening streams. */
export interface AdmissionLimits {
  /** In the long run. */
  readonly opensPerSecond: number;
  /** At once, after a quiet time. */
  readonly opensBurst: number;
  /** Running at once. */
  readonly opensConcurrentMax: number;
}

export type AdmissionOutcome =
  | { readonly kind: "admitted" }
  | { readonly kind: "refused"; readonly retryDelayMs: number };

/** No refusal tells a longer wait than this, in milliseconds. */
export const admissionRetryMsMax = 60_000;

/**
 * Bounds how fast and how many at once devices open streams: a token bucket, and a count. Each one refused is
 * told the next free moment after that of the one refused before, so that a crowd of N comes back over
 * N / `opensPerSecond` seconds instead of all at once. Pure: times are monotonic milliseconds of the caller.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  #tokens: number;
  #filledMs: number;
  #running = 0;
  #promisedMs = 0;

  constructor(limits: AdmissionLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.opensBurst;
    this.#filledMs = nowMs;
  }

  /** Opens that were admitted and have not ended. */
  get running(): number {
    return this.#running;
  }

  /** Admits one open, which must be ended by `release`, or tells when to come again. */
  admit(nowMs: number): AdmissionOutcome {
    const { opensPerSecond, opensBurst, opensConcurrentMax } = this.#limits;
    const elapsedMs = Math.max(nowMs - this.#filledMs, 0);
    this.#tokens = Math.min(opensBurst, this.#tokens + (elapsedMs * opensPerSecond) / 1000);
    this.#filledMs = nowMs;
    if (this.#tokens >= 1 && this.#running < opensConcurrentMax) {
      this.#tokens -= 1;
      this.#running += 1;
      return { kind: "admitted" };
    }
    const latestMs = nowMs + admissionRetryMsMax;
    this.#promisedMs = Math.min(Math.max(this.#promisedMs, nowMs) + 1000 / opensPerSecond, latestMs);
    return { kind: "refused", retryDelayMs: Math.max(1, Math.ceil(this.#promisedMs - nowMs)) };
  }

  /** Ends an admitted open, whatever came of it. */
  release(): void {
    this.#running -= 1;
  }
}
