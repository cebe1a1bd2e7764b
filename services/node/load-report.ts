import type { Clock, Timer } from "../kernel/clock.ts";

/** Between two looks at the load, in milliseconds. */
const lookMs = 5_000;

/** Loads are told in steps of this size: a smaller change would send nobody elsewhere. */
const loadStep = 0.01;

/** Tells the other nodes how loaded this one is, as far as it changes. */
export interface LoadReport {
  start(): void;
  stop(): void;
}

/** `load` is a number from 0 to 1; `say` puts it into the node's record. */
export function createLoadReport(options: {
  readonly clock: Clock;
  readonly load: () => number;
  readonly say: (load: number) => void;
}): LoadReport {
  const { clock, load, say } = options;
  let timer: Timer | undefined;
  let told = 0;
  const look = (): void => {
    const now = Math.round(load() / loadStep) * loadStep;
    if (now !== told) say(now);
    told = now;
    timer = clock.after(lookMs, look);
  };
  return {
    start: () => void (timer = clock.after(lookMs, look)),
    stop: () => timer?.cancel(),
  };
}
