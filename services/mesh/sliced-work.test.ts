import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { SlicedWork, sliceMs } from "./sliced-work.ts";

/** A clock whose time goes by while it is looked at, as it does while one works. */
class WorkingClock extends FakeClock {
  msPerLook = 1;
  #workedMs = 0;

  override monotonicMs(): number {
    this.#workedMs += this.msPerLook;
    return super.monotonicMs() + this.#workedMs;
  }
}

function counting(clock: FakeClock, steps: number) {
  const seen = { walks: 0, steps: 0 };
  const work = new SlicedWork(clock, function* () {
    seen.walks += 1;
    for (let step = 0; step < steps; step += 1) {
      seen.steps += 1;
      yield;
    }
  });
  return { work, seen };
}

test("a walk begins in the next turn, once, however often it was asked for", async () => {
  const clock = new FakeClock();
  const { work, seen } = counting(clock, 1_000);
  work.request();
  work.request();
  expect(seen.walks).toBe(0);
  await clock.settle();
  expect(seen).toEqual({ walks: 1, steps: 1_000 });
});

test("a slice ends after its time, others have their turn, and the walk goes on behind them", async () => {
  const clock = new WorkingClock();
  const { work, seen } = counting(clock, 1_000);
  const stepsSeenByOthers: number[] = [];
  const other = (): void => {
    stepsSeenByOthers.push(seen.steps);
    if (seen.steps < 1_000) clock.nextTurn(other);
  };
  work.request();
  clock.nextTurn(other);
  await clock.settle();
  const perSlice = 64 * sliceMs;
  expect(stepsSeenByOthers).toEqual([perSlice, 2 * perSlice, 3 * perSlice, 1_000]);
  expect(seen.walks).toBe(1);
});

test("what is asked for during a walk is another walk, after the one under way", async () => {
  const clock = new WorkingClock();
  const { work, seen } = counting(clock, 1_000);
  work.request();
  clock.nextTurn(() => work.request());
  await clock.settle();
  expect(seen).toEqual({ walks: 2, steps: 2_000 });
});

test("a stopped work does nothing any more", async () => {
  const clock = new WorkingClock();
  const { work, seen } = counting(clock, 1_000);
  work.request();
  clock.nextTurn(() => work.stop());
  await clock.settle();
  work.request();
  await clock.settle();
  expect(seen.steps).toBe(64 * sliceMs);
});
