import { type Clock, type Timer, timerDelayMsMax } from "../../kernel/clock.ts";
import type { SimProcess } from "./sim-process.ts";

/** The right wall time at the beginning of a simulation. */
export const simEpochMs = Date.UTC(2026, 5, 1);

/** Timers of Node are never set for less. */
const timerMsMin = 1;

/** Timers come this much late, in milliseconds, drawn for each. */
const timerLateMsMax = 0.5;

/** Monotonic clocks start somewhere below this, drawn for each process. */
const monotonicStartMsMax = 1_000_000;

/** What a machine says about its clocks. */
export interface MachineClocks {
  readonly clockRate: number;
  readonly wallOffsetMs: number;
}

/** The clock of one process. Wall and monotonic time run at the rate of its machine; only the wall can be stepped. */
export class SimClock implements Clock {
  readonly #process: SimProcess;
  readonly #machine: MachineClocks;
  readonly #rate: number;
  readonly #startMs: number;
  readonly #monotonicStartMs: number;
  readonly #timerLabel: string;
  /** Rounding must not show a timer that it came early. */
  #monotonicMsMin = 0;

  constructor(process: SimProcess, machine: MachineClocks) {
    this.#process = process;
    this.#machine = machine;
    this.#rate = machine.clockRate;
    this.#startMs = process.scheduler.nowMs;
    this.#monotonicStartMs = process.rng.fraction() * monotonicStartMsMax;
    this.#timerLabel = `${process.name} timer`;
  }

  wallMs(): number {
    return Math.floor(simEpochMs + this.#process.scheduler.nowMs * this.#rate + this.#machine.wallOffsetMs);
  }

  monotonicMs(): number {
    const passedMs = (this.#process.scheduler.nowMs - this.#startMs) * this.#rate;
    return Math.max(this.#monotonicStartMs + passedMs, this.#monotonicMsMin);
  }

  after(delayMs: number, callback: () => void): Timer {
    const boundedMs = Math.min(Math.max(delayMs, timerMsMin), timerDelayMsMax);
    const dueMs = this.monotonicMs() + boundedMs;
    const lateMs = this.#process.rng.fraction() * timerLateMsMax;
    return this.#process.after(boundedMs / this.#rate + lateMs, this.#timerLabel, () => {
      this.#monotonicMsMin = Math.max(this.#monotonicMsMin, dueMs);
      callback();
    });
  }

  nextTurn(callback: () => void): Timer {
    return this.#process.nextTurn(callback);
  }
}
