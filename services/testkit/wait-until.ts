import { performance } from "node:perf_hooks";

/** How long a wait may take when the caller does not say; in milliseconds. */
export const waitMsDefault = 5_000;

/** Polls for this long at every turn of the loop before it starts to pause between polls; in milliseconds. */
const eagerMs = 20;
const pauseMs = 5;

/** Bounds of a wait. */
export interface WaitOptions {
  /** Real time in milliseconds after which the wait fails; `waitMsDefault` when unset. */
  readonly timeoutMs?: number;
}

/** What a probe answers while the condition does not hold yet. */
export type NotYet = false | undefined | null;

/**
 * Waits on real time until `probe` answers something else than false, undefined or null, and resolves with
 * that answer. Rejects with an error naming `what` after the time-out, or with what `probe` throws.
 * Use it at the edges (sockets, processes); where time matters, move a `FakeClock` instead.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => T | NotYet | Promise<T | NotYet>,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? waitMsDefault;
  const startMs = performance.now();
  for (;;) {
    const answer = await probe();
    if (answer !== false && answer !== undefined && answer !== null) return answer;
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs >= timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await pause(elapsedMs < eagerMs ? 0 : pauseMs);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms === 0) setImmediate(resolve);
    else setTimeout(resolve, ms);
  });
}
