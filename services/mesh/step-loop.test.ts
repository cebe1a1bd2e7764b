import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { seededRng } from "../testkit/seeded-rng.ts";
import { FreezableClock } from "./fixtures/freezable-clock.ts";
import { type DueStep, StepLoop } from "./step-loop.ts";

class Stage {
  readonly clock = new FakeClock();
  readonly process = new FreezableClock(this.clock);
  readonly events: string[] = [];
  due: DueStep<string> | undefined;
  work: (step: string) => Promise<void> = () => Promise.resolve();
  readonly loop = new StepLoop<string>({
    clock: this.process,
    // Without jitter, so that the times can be told.
    rng: { ...seededRng(1), fraction: () => 1 },
    retry: { baseMs: 100, maxMs: 400 },
    next: () => this.due,
    run: (step) => {
      this.note(`run ${step}`);
      this.due = undefined;
      return this.work(step);
    },
    onDone: (step, failures) => this.note(`done ${step} after ${failures}`),
    onFailed: ({ message }) => this.note(`failed ${message}`),
    gapMsMax: 1_000,
    onGap: (lateMs) => this.note(`gap ${lateMs}`),
  });

  note(what: string): void {
    this.events.push(`${this.clock.monotonicMs()} ${what}`);
  }

  plan(step: string, atMs: number): void {
    this.due = { step, atMs };
    this.loop.reschedule();
  }
}

test("a step is done when it is due, and what is planned anew takes its place", async () => {
  const stage = new Stage();
  stage.plan("late", 500);
  stage.plan("early", 100);
  await stage.clock.advance(1_000);
  expect(stage.events).toEqual(["100 run early", "100 done early after 0"]);
  expect(stage.clock.pendingTimers).toBe(0);
});

test("the next step waits for the one under way", async () => {
  const stage = new Stage();
  const working = Promise.withResolvers<void>();
  stage.work = () => working.promise;
  stage.plan("first", 0);
  await stage.clock.advance(0);
  stage.plan("second", 0);
  await stage.clock.advance(100);
  let isIdle = false;
  void stage.loop.idle().then(() => (isIdle = true));
  await stage.clock.settle();
  expect([stage.events, isIdle]).toEqual([["0 run first"], false]);
  working.resolve();
  await stage.clock.advance(0);
  expect(stage.events).toEqual([
    "0 run first",
    "100 done first after 0",
    "100 run second",
    "100 done second after 0",
  ]);
});

test("failures keep all steps waiting, longer each time, until one is done", async () => {
  const stage = new Stage();
  let failures = 3;
  stage.work = async () => {
    if (failures === 0) return;
    failures -= 1;
    stage.due = { step: "again", atMs: 0 };
    throw new Error("no");
  };
  stage.plan("first", 0);
  await stage.clock.advance(5_000);
  expect(stage.events.filter((event) => event.includes("run"))).toEqual([
    "0 run first",
    "100 run again",
    "300 run again",
    "700 run again",
  ]);
  expect(stage.events.at(-1)).toBe("700 done again after 3");
});

test("what has become more urgent by the time is done instead", async () => {
  const stage = new Stage();
  stage.plan("planned", 100);
  stage.due = { step: "urgent", atMs: 50 };
  await stage.clock.advance(200);
  expect(stage.events[0]).toBe("100 run urgent");
});

test("a process that stood still hears of it before anything else is done, whoever wakes it first", async () => {
  const stage = new Stage();
  stage.plan("step", 100);
  stage.process.freeze();
  await stage.clock.advance(1_200);
  stage.process.thaw();
  await stage.clock.settle();
  expect(stage.events.slice(0, 2)).toEqual(["1200 gap 1100", "1200 run step"]);

  const other = new Stage();
  other.plan("step", 100);
  other.process.freeze();
  await other.clock.advance(1_200);
  other.loop.reschedule();
  expect(other.events).toEqual(["1200 gap 1100"]);
});

test("a step that took too long is a gap, one that is slightly late is none", async () => {
  const stage = new Stage();
  const working = Promise.withResolvers<void>();
  stage.work = () => working.promise;
  stage.plan("slow", 0);
  await stage.clock.advance(1_500);
  working.resolve();
  await stage.clock.settle();
  expect(stage.events).toEqual(["0 run slow", "1500 gap 1500", "1500 done slow after 0"]);

  const punctual = new Stage();
  punctual.plan("step", 100);
  punctual.process.freeze();
  await punctual.clock.advance(1_100);
  punctual.process.thaw();
  await punctual.clock.settle();
  expect(punctual.events[0]).toBe("1100 run step");
});
