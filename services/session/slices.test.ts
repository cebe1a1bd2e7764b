import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { Slices } from "./slices.ts";

/** A clock on which each look at the time costs a millisecond, as a step of work would. */
class BusyClock extends FakeClock {
  #spentMs = 0;

  override monotonicMs(): number {
    this.#spentMs += 1;
    return super.monotonicMs() + this.#spentMs;
  }
}

function countdown(name: string, steps: number, done: string[]) {
  let left = steps;
  return {
    step: () => {
      if (left === 0) return false;
      left -= 1;
      done.push(name);
      return true;
    },
  };
}

describe("slices of the loop", () => {
  test("nothing runs before the next turn, and each work is in line once", async () => {
    const clock = new FakeClock();
    const slices = new Slices({ clock, sliceMs: 4, onError: () => undefined });
    const done: string[] = [];
    const work = countdown("a", 2, done);
    slices.add(work);
    slices.add(work);
    expect([done, slices.size]).toEqual([[], 1]);
    await clock.settle();
    expect([done, slices.size]).toEqual([["a", "a"], 0]);
  });

  test("work that outlasts a slice goes behind the other work", async () => {
    const clock = new BusyClock();
    const slices = new Slices({ clock, sliceMs: 4, onError: () => undefined });
    const done: string[] = [];
    slices.add(countdown("large", 20, done));
    slices.add(countdown("small", 1, done));
    await clock.settle();
    expect(done.length).toBe(21);
    expect(done.indexOf("small")).toBeLessThan(8);
  });

  test("a step that throws is reported, and the rest goes on", async () => {
    const clock = new FakeClock();
    const errors: unknown[] = [];
    const slices = new Slices({ clock, sliceMs: 4, onError: (error) => errors.push(error) });
    const done: string[] = [];
    const failure = new Error("no");
    const work = countdown("a", 2, done);
    let failed = false;
    slices.add({
      step: () => {
        if (failed) return work.step();
        failed = true;
        throw failure;
      },
    });
    await clock.settle();
    expect([done, errors]).toEqual([["a", "a"], [failure]]);
  });

  test("nothing runs after stop", async () => {
    const clock = new FakeClock();
    const slices = new Slices({ clock, sliceMs: 4, onError: () => undefined });
    const done: string[] = [];
    slices.add(countdown("a", 1, done));
    slices.stop();
    slices.add(countdown("b", 1, done));
    await clock.settle();
    expect(done).toEqual([]);
  });
});
