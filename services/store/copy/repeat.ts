import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { backoffDelayMs } from "../../kernel/backoff.ts";
import { type Clock, sleep } from "../../kernel/clock.ts";
import { Fault } from "../../kernel/fault.ts";
import type { Rng } from "../../kernel/rng.ts";

/** How a read or write of a copy is tried again that a store could not answer: for about half a minute. */
const retry = { baseMs: 200, maxMs: 10_000, attemptsMax: 10 };

/** What repeated work needs. */
export interface RepeatOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly signal: AbortSignal;
}

/** Runs something that may be repeated until the store has answered it. Throws as it does, and the signal's reason. */
export async function repeatWork<T>(
  { clock, rng, signal }: RepeatOptions,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (thrown) {
      const delayMs = isPassing(thrown) ? backoffDelayMs(retry, attempt, rng.fraction()) : undefined;
      if (delayMs === undefined) throw thrown;
      await sleep(clock, delayMs, signal);
    }
  }
}

function isPassing(thrown: unknown): boolean {
  return (
    thrown instanceof Fault &&
    (thrown.reason === ErrorReason.STORE_UNAVAILABLE || thrown.reason === ErrorReason.OUTCOME_UNKNOWN)
  );
}
