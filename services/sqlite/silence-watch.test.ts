import { beforeEach, expect, test } from "vitest";
import type { Clock, Timer } from "../kernel/clock.ts";
import { SilenceWatch } from "./silence-watch.ts";

/** A clock that stands until it is moved; a next turn counts as a timer of no delay. */
class ManualClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly callback: () => void }[] = [];

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
      },
    };
  }

  nextTurn(callback: () => void): Timer {
    return this.after(0, callback);
  }

  get armed(): number {
    return this.#timers.length;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    this.runDue();
    this.runDue();
  }

  /** Runs what is due, without what that adds. */
  runDue(): void {
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => timer.dueMs > this.#nowMs);
    for (const timer of due) timer.callback();
  }

  /** Time passes without a chance for anybody to run, as in a suspended process. */
  suspend(forMs: number): void {
    this.#nowMs += forMs;
  }
}

let clock = new ManualClock();
let silences = 0;
let watch = newWatch();

function newWatch(): SilenceWatch {
  return new SilenceWatch(clock, 100, () => {
    silences += 1;
  });
}

beforeEach(() => {
  clock = new ManualClock();
  silences = 0;
  watch = newWatch();
});

test("nothing owed is never silence", () => {
  clock.advance(10_000);
  expect(silences).toBe(0);
});

test("silence is told once, when the time is over", () => {
  watch.expect();
  clock.advance(99);
  expect(silences).toBe(0);
  clock.advance(1);
  expect(silences).toBe(1);
  clock.advance(10_000);
  expect(silences).toBe(1);
});

test("the time starts with what is owed, and not anew with each further request", () => {
  watch.expect();
  clock.advance(60);
  watch.expect();
  clock.advance(40);
  expect(silences).toBe(1);
});

test("an answer while more is owed starts the time again", () => {
  watch.expect();
  clock.advance(60);
  watch.heard(true);
  clock.advance(60);
  expect(silences).toBe(0);
  clock.advance(40);
  expect(silences).toBe(1);
});

test("the last answer ends the watch and leaves no timer", () => {
  watch.expect();
  watch.heard(false);
  expect(clock.armed).toBe(0);
});

test("after a pause of the whole process, answers that waited are read before judging", () => {
  watch.expect();
  clock.suspend(60_000);
  clock.runDue();
  watch.heard(true);
  clock.runDue();
  expect(silences).toBe(0);
});
