import type { Clock } from "../kernel/clock.ts";

/** How long somebody waits for an answer. */
export interface AnswerLimits {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** Waits for an answer; rejects after `limitMs`, or when the signal aborts. What comes of `pending` later concerns nobody. */
export async function answerWithin<T>(pending: Promise<T>, limits: AnswerLimits): Promise<T> {
  const { clock, limitMs, signal } = limits;
  const end = Promise.withResolvers<never>();
  const abort = (): void => end.reject(signal?.reason);
  const timer = clock.after(limitMs, () => end.reject(new Error(`no answer within ${limitMs} ms`)));
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    return await Promise.race([pending, end.promise]);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", abort);
  }
}
