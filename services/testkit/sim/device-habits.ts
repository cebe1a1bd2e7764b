import type { SeededRng } from "../seeded-rng.ts";

/** How a device behaves, within what the contract allows. Rates are of single frames, times in milliseconds. */
export interface DeviceHabits {
  /** Events that may be unacknowledged; 0: what the node gives. */
  readonly window: number;
  /** Acknowledges after up to this long; 0: at once. */
  readonly acknowledgeMsMax: number;
  /** Of all frames, how many it never acknowledges by themselves. */
  readonly forgetRate: number;
  /** Of all frames with events, how many it cannot store: it waits until what was in them comes again. */
  readonly loseRate: number;
  /** Of all frames, after how many it reads nothing for a while. */
  readonly pauseRate: number;
  readonly pauseMsMax: number;
  /** Goes elsewhere after up to this long; 0: stays. */
  readonly hopMsMax: number;
  /** Of the streams that it goes away from, how many it leaves open behind it. */
  readonly leaveRate: number;
  /** Numbers its opens, so that one which comes late supersedes nothing. */
  readonly numbersOpens: boolean;
  /** Of its sends, how many go by its stream; the others are unary calls. */
  readonly streamRate: number;
  /** Between two sends, at most. */
  readonly thinkMsMax: number;
}

/** Draws what kind of device it is: most are ordinary. */
export function drawHabits(rng: SeededRng, thinkMsMax: number): DeviceHabits {
  const sometimes = <T>(rate: number, then: T, otherwise: T): T => (rng.fraction() < rate ? then : otherwise);
  const window = sometimes(0.3, 1 + rng.integerBelow(8), 0);
  return {
    window,
    acknowledgeMsMax: sometimes(0.3, rng.integerBelow(5_000), 0),
    forgetRate: sometimes(0.2, rng.fraction(), 0),
    // In a small window that stays full what was lost may come last, and the stream end before it.
    loseRate: window === 0 ? sometimes(0.2, 0.02, 0) : 0,
    pauseRate: sometimes(0.2, 0.05, 0),
    pauseMsMax: 8_000,
    hopMsMax: sometimes(0.3, 1_000 + rng.integerBelow(20_000), 0),
    leaveRate: sometimes(0.5, 0.7, 0),
    numbersOpens: rng.fraction() < 0.5,
    streamRate: rng.pick([0, 0.5, 0.8, 1]),
    thinkMsMax,
  };
}
