import { describe, expect, test } from "vitest";
import { sleep } from "../../kernel/clock.ts";
import { seededRng } from "../seeded-rng.ts";
import { simEpochMs } from "./sim-clock.ts";
import { SimHost } from "./sim-host.ts";
import { SimScheduler } from "./sim-scheduler.ts";

interface Stage {
  readonly scheduler: SimScheduler;
  readonly host: SimHost;
  readonly ran: string[];
}

function stage(seed = 1): Stage {
  const rng = seededRng(seed);
  const scheduler = new SimScheduler(rng.fork());
  return { scheduler, host: new SimHost(scheduler, "n1", rng.fork()), ran: [] };
}

describe("SimHost", () => {
  test("turns run in the order in which they were asked for, however the seed mixes what is due at once", async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { scheduler, host, ran } = stage(seed);
      const { clock } = host.boot();
      for (const name of ["a", "b", "c"]) clock.nextTurn(() => ran.push(name));
      clock.nextTurn(() => clock.nextTurn(() => ran.push("e")));
      clock.nextTurn(() => ran.push("d"));
      await scheduler.run(5);
      expect(ran.join("")).toBe("abcde");
    }
  });

  test("thousands of turns in a row leave nothing behind, and cancelled ones do not run", async () => {
    const { scheduler, host } = stage();
    const { clock } = host.boot();
    let count = 0;
    const again = (): void => {
      count += 1;
      clock.nextTurn(() => (count += 1_000_000)).cancel();
      if (count < 5_000) clock.nextTurn(again);
    };
    clock.nextTurn(again);
    await scheduler.run(1_000);
    expect([count, scheduler.pending]).toEqual([5_000, 0]);
  });

  test("nothing of a process runs after its crash: neither timers, turns, arrivals nor awaiting loops", async () => {
    const { scheduler, host, ran } = stage();
    const process = host.boot();
    const loop = async (): Promise<void> => {
      for (;;) {
        await sleep(process.clock, 10);
        ran.push("loop");
      }
    };
    void loop();
    process.clock.after(100, () => ran.push("timer"));
    scheduler.after(25, "crash", () => {
      process.clock.nextTurn(() => ran.push("turn"));
      host.crash();
      process.run("arrival", () => ran.push("arrival"));
      process.clock.after(1, () => ran.push("late timer"));
      process.clock.nextTurn(() => ran.push("late turn"));
    });
    await scheduler.run(1_000);
    expect(ran).toEqual(["loop", "loop"]);
    expect(process.isAlive).toBe(false);
  });

  test("a restarted host begins a new life, with another monotonic clock and other randomness", async () => {
    const { scheduler, host, ran } = stage();
    const first = host.boot();
    first.onEnd(() => ran.push("ended"));
    expect(() => host.boot()).toThrow("n1 has a process");
    host.crash();
    const second = host.boot();
    second.clock.after(10, () => ran.push("second"));
    await scheduler.run(50);
    expect(ran).toEqual(["ended", "second"]);
    expect([first.life, second.life, host.process]).toEqual([1, 2, second]);
    expect(second.rng.uuid()).not.toBe(first.rng.uuid());
  });

  test("what comes due while a process is frozen happens at its thaw, in order and before what comes later", async () => {
    const { scheduler, host, ran } = stage();
    const process = host.boot();
    const timer = process.clock.after(50, () => ran.push("cancelled"));
    for (const delayMs of [30, 10, 20]) process.clock.after(delayMs, () => ran.push(`timer ${delayMs}`));
    process.clock.after(10, () => timer.cancel());
    process.after(15, "arrival", () => ran.push("arrival"));
    host.freeze();
    await scheduler.run(100);
    expect([ran, process.isFrozen]).toEqual([[], true]);
    host.thaw();
    process.run("during the thaw", () => ran.push("during the thaw"));
    await scheduler.run(101);
    expect(ran).toEqual(["timer 10", "arrival", "timer 20", "timer 30", "during the thaw"]);
    process.run("afterwards", () => ran.push("afterwards"));
    expect([ran.at(-1), process.isFrozen]).toEqual(["afterwards", false]);
  });

  test("turns asked for before a freeze run in order after the thaw", async () => {
    const { scheduler, host, ran } = stage();
    const { clock } = host.boot();
    for (const name of ["a", "b", "c"]) clock.nextTurn(() => ran.push(name));
    host.freeze();
    await scheduler.run(10);
    host.thaw();
    await scheduler.run(20);
    expect(ran).toEqual(["a", "b", "c"]);
  });

  test("a frozen process can be killed", async () => {
    const { scheduler, host, ran } = stage();
    host.boot().clock.after(1, () => ran.push("timer"));
    host.freeze();
    await scheduler.run(10);
    host.crash();
    host.thaw();
    await scheduler.run(20);
    expect(ran).toEqual([]);
  });
});

describe("SimClock", () => {
  test("wall and monotonic time run at the rate of the machine, and only the wall is stepped", async () => {
    const { scheduler, host } = stage();
    host.clockRate = 1.5;
    host.wallOffsetMs = -100;
    const { clock } = host.boot();
    const startMs = clock.monotonicMs();
    await scheduler.run(1_000);
    expect(clock.monotonicMs() - startMs).toBeCloseTo(1_500);
    expect(clock.wallMs()).toBe(simEpochMs + 1_400);
    host.wallOffsetMs -= 60_000;
    expect(clock.wallMs()).toBe(simEpochMs - 58_600);
    expect(clock.monotonicMs() - startMs).toBeCloseTo(1_500);
  });

  test("a timer is never early by its own clock, never more than a little late, and takes a millisecond at least", async () => {
    const { scheduler, host } = stage();
    host.clockRate = 1.0003;
    const { clock } = host.boot();
    const lateMs: number[] = [];
    for (let index = 0; index < 500; index += 1) {
      const delayMs = index / 7;
      const dueMs = clock.monotonicMs() + Math.max(delayMs, 1);
      clock.after(delayMs, () => lateMs.push(clock.monotonicMs() - dueMs));
      await scheduler.run(scheduler.nowMs + 0.7);
    }
    await scheduler.run(scheduler.nowMs + 100);
    expect(lateMs.length).toBe(500);
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateMs)).toBeLessThan(1);
  });
});
