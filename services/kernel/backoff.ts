/** How a failing operation is tried again. */
export interface BackoffPolicy {
  /** Upper end of the first delay, in milliseconds. */
  readonly baseMs: number;
  /** No delay is longer, in milliseconds. */
  readonly maxMs: number;
  /** How many attempts there are in all, the first one included; no bound when unset. */
  readonly attemptsMax?: number;
}

/**
 * The delay in milliseconds after the failed attempt number `attempt` (from 1), or undefined when it was the
 * last. The delay is `fraction` (in [0, 1), from an `Rng`) of an upper end that doubles from `baseMs` to
 * `maxMs`: "full jitter" of Brooker, Exponential Backoff And Jitter (2015), which spreads a crowd best.
 */
export function backoffDelayMs(policy: BackoffPolicy, attempt: number, fraction: number): number | undefined {
  if (policy.attemptsMax !== undefined && attempt >= policy.attemptsMax) return undefined;
  return fraction * Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
}
