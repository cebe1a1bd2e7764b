import { type Clock, type Timer, timerDelayMsMax } from "../kernel/clock.ts";

/** Turns that one instant of fake time may take, before it is called an endless loop. */
export const turnsPerInstantMax = 100_000;

/** Where a fake clock starts; both in milliseconds. */
export interface FakeClockStart {
  /** Wall time; 2026-01-01T00:00:00Z when unset. */
  readonly wallMs?: number;
  /** Monotonic time; 0 when unset. It differs from the wall so that mixing the two up shows. */
  readonly monotonicMs?: number;
}

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until a test moves it. Wall and monotonic time are apart: `advance` moves
 * both, `stepWall` only the wall, as an administrator or NTP would.
 */
export class FakeClock implements Clock {
  #wallOffsetMs: number;
  #nowMs: number;
  // Sets keep the order of insertion, which is the order among callbacks that are due together.
  readonly #timers = new Set<PendingTimer>();
  readonly #turns = new Set<() => void>();

  constructor(start: FakeClockStart = {}) {
    this.#nowMs = start.monotonicMs ?? 0;
    this.#wallOffsetMs = (start.wallMs ?? Date.UTC(2026, 0, 1)) - this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** How many `after` timers have neither run nor been cancelled; 0 proves that none was left behind. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  after(delayMs: number, callback: () => void): Timer {
    const boundedMs = Math.min(Math.max(delayMs, 0), timerDelayMsMax);
    const timer: PendingTimer = { dueMs: this.#nowMs + boundedMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Queues `callback` for the next `advance`, `settle` or `advanceUntil`. */
  nextTurn(callback: () => void): Timer {
    // Wrapped, so that one function may be queued twice.
    const turn = (): void => callback();
    this.#turns.add(turn);
    return { cancel: () => void this.#turns.delete(turn) };
  }

  /** Moves the wall by `ms`, which may be negative. Timers and monotonic time do not notice. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /**
   * Moves time by `ms`, stopping at each timer that comes due, in order. Between two callbacks it runs the
   * turns that were asked for and drains the microtasks, so that code which awaits sees the instant that it
   * waited for. Timers set on the way run too when they come due within `ms`. Rejects with what a callback
   * throws; time then stands where that callback ran.
   */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms;
    await this.settle();
    for (let timer = this.#nextDue(targetMs); timer !== undefined; timer = this.#nextDue(targetMs)) {
      await this.#fire(timer);
    }
    this.#nowMs = targetMs;
  }

  /** Runs the asked-for turns and drains microtasks until nothing is left to do at this instant. */
  async settle(): Promise<void> {
    await drainMicrotasks();
    for (let turns = 0; this.#turns.size > 0; turns += 1) {
      if (turns >= turnsPerInstantMax) {
        throw new Error(`${turns} turns ran without time moving: something asks for the next turn for ever`);
      }
      await this.#runTurn();
    }
  }

  /**
   * Moves from timer to timer until `condition` holds, over at most `limitMs` of fake time.
   * Throws an error that names `what` when the limit comes first.
   */
  async advanceUntil(what: string, condition: () => boolean, limitMs: number): Promise<void> {
    const targetMs = this.#nowMs + limitMs;
    await this.settle();
    while (!condition()) {
      const timer = this.#nextDue(targetMs);
      if (timer === undefined) throw new Error(`waited ${limitMs} ms of fake time in vain for: ${what}`);
      await this.#fire(timer);
    }
  }

  async #fire(timer: PendingTimer): Promise<void> {
    this.#timers.delete(timer);
    this.#nowMs = timer.dueMs;
    timer.callback();
    await this.settle();
  }

  async #runTurn(): Promise<void> {
    // What a callback asks for now belongs to the turn after, hence the copy; and one that is cancelled by
    // an earlier callback of the same turn must not run, hence the check.
    for (const turn of Array.from(this.#turns)) {
      if (!this.#turns.delete(turn)) continue;
      turn();
      await drainMicrotasks();
    }
  }

  #nextDue(untilMs: number): PendingTimer | undefined {
    let earliest: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (earliest === undefined || timer.dueMs < earliest.dueMs))
        earliest = timer;
    }
    return earliest;
  }
}

/** A real turn of the event loop: it ends only when every chain of microtasks has run out. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
