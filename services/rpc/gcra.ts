/** A sustained rate and what may come at once. */
export interface Rate {
  /** Calls per second in the long run; above 0. */
  readonly perSecond: number;
  /** Calls that may come at once after a pause; at least 1. */
  readonly burst: number;
}

/** The outcome of one call against a rate. */
export type RateVerdict =
  | { readonly kind: "admitted"; readonly arrivalMs: number }
  | { readonly kind: "refused"; readonly retryDelayMs: number };

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling). The state of a key is one
 * number, its theoretical arrival time; `undefined` means that the key was not seen yet. Refused calls cost
 * nothing: after `retryDelayMs` one call is admitted again. All times are monotonic milliseconds.
 */
export function admitCall(rate: Rate, arrivalMs: number | undefined, nowMs: number): RateVerdict {
  const intervalMs = 1000 / rate.perSecond;
  const toleranceMs = intervalMs * (rate.burst - 1);
  const dueMs = Math.max(arrivalMs ?? nowMs, nowMs);
  const earlyMs = dueMs - nowMs;
  if (earlyMs > toleranceMs + roundingMs) {
    return { kind: "refused", retryDelayMs: Math.ceil(earlyMs - toleranceMs) };
  }
  return { kind: "admitted", arrivalMs: dueMs + intervalMs };
}

/** Sums of thirds and sevenths must not refuse the last call of a burst; a double holds a year of ms to 4e-6. */
const roundingMs = 1e-3;
