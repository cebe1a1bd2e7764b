/**
 * Time, as everything above the kernel sees it. Production uses `systemClock()`; tests and the
 * simulator supply their own, which is why no other module may touch Date or timers.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970. May jump; use it for what people and other systems read. */
  wallMs(): number;
  /** Milliseconds since an arbitrary moment. Never jumps; use it for every duration and timeout. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
  /** Runs `callback` once in the next turn of the event loop, after pending I/O was read. */
  nextTurn(callback: () => void): Timer;
}

/** A pending callback. Cancelling one that ran, or was cancelled, does nothing. */
export interface Timer {
  cancel(): void;
}

/** `setTimeout` turns delays from 2^31 ms on into 1 ms, so longer ones are cut to this. */
export const timerDelayMsMax = 2 ** 31 - 1;

/** Resolves after `delayMs`, or at once when `signal` aborts. It never rejects: look at the signal. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.after(delayMs, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
