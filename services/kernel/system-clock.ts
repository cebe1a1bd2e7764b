import { performance } from "node:perf_hooks";
import { type Clock, timerDelayMsMax } from "./clock.ts";

/** The real clock of this process. */
export function systemClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after: (delayMs, callback) => {
      const handle = setTimeout(callback, Math.min(delayMs, timerDelayMsMax)).unref();
      return { cancel: () => clearTimeout(handle) };
    },
    nextTurn: (callback) => {
      const handle = setImmediate(callback);
      return { cancel: () => clearImmediate(handle) };
    },
  };
}
