import type { Clock, Timer } from "../../kernel/clock.ts";
import type { SeededRng } from "../seeded-rng.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** What a process of a host has beside its clock. `life` counts the processes of a host, from 1. */
export interface SimProcess {
  readonly name: string;
  readonly life: number;
  readonly clock: Clock;
  readonly rng: SeededRng;
  readonly scheduler: SimScheduler;
  /** It runs, or is frozen. Once false it stays so. */
  readonly isAlive: boolean;
  readonly isFrozen: boolean;
  /** How often it was frozen. */
  readonly freezes: number;
  /**
   * Runs something that reaches the process from outside: now, or at the thaw, or never once it is dead. Call it from an
   * event of the scheduler only, never from inside the process.
   */
  run(label: string, callback: () => void): void;
  /** The same after a time, which goes on while the process is frozen. */
  after(delayMs: number, label: string, callback: () => void): Timer;
  /** Runs in a later turn of the process, after those that were asked for before. */
  nextTurn(callback: () => void): Timer;
  /**
   * Calls `onEnd` when it dies; for what lives outside of it, such as its connections. `isSilent`: its machine is gone too,
   * so that nobody can be told.
   */
  onEnd(onEnd: (isSilent: boolean) => void): void;
}
