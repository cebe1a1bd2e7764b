import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { backoffDelayMs } from "../kernel/backoff.ts";
import { type Clock, sleep } from "../kernel/clock.ts";
import type { Rng } from "../kernel/rng.ts";

const retries = { baseMs: 250, maxMs: 5_000, attemptsMax: 8 };

/** What repeating takes from its surroundings. */
export interface RepeatOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  /** No further try after it has aborted. */
  readonly signal: AbortSignal;
  /** Told before each further try why the one before failed. */
  onRetry?(error: ConnectError): void;
}

/**
 * Makes a call that may be repeated until it is answered for good, at most 8 times with back-off. `attempt` counts
 * from 1. Throws what the last try threw.
 */
export async function repeatCall<T>(
  options: RepeatOptions,
  call: (attempt: number) => Promise<T>,
): Promise<T> {
  const { clock, rng, signal } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(attempt);
    } catch (error) {
      const delayMs = backoffDelayMs(retries, attempt, rng.fraction());
      const failure = ConnectError.from(error);
      if (delayMs === undefined || signal.aborted || !mayRepeat(failure)) throw error;
      options.onRetry?.(failure);
      await sleep(clock, delayMs, signal);
    }
  }
}

/** As proto/README.md says: these codes only, and RESOURCE_EXHAUSTED only when it comes with a delay. */
function mayRepeat(error: ConnectError): boolean {
  if (error.code === Code.Unavailable || error.code === Code.Aborted) return true;
  return error.code === Code.ResourceExhausted && error.findDetails(RetryInfoSchema).length > 0;
}
