import { describe, expect, test } from "vitest";
import { sleep } from "../kernel/clock.ts";
import { FakeClock, turnsPerInstantMax } from "./fake-clock.ts";

describe("FakeClock", () => {
  test("time stands still until it is advanced", async () => {
    const clock = new FakeClock({ wallMs: 1_000, monotonicMs: 50 });
    await clock.settle();
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1_000, 50]);
    await clock.advance(25);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1_025, 75]);
  });

  test("timers run in the order in which they are due, those due together in the order they were set", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push(`late at ${clock.monotonicMs()}`));
    clock.after(10, () => ran.push(`first at ${clock.monotonicMs()}`));
    clock.after(10, () => ran.push(`second at ${clock.monotonicMs()}`));
    clock.after(21, () => ran.push("too late"));
    await clock.advance(20);
    expect(ran).toEqual(["first at 10", "second at 10", "late at 20"]);
    expect(clock.pendingTimers).toBe(1);
  });

  test("an awaiting loop sees every instant that it slept for within one advance", async () => {
    const clock = new FakeClock();
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) {
        await sleep(clock, 10);
        await Promise.resolve().then(() => undefined);
        seen.push(clock.monotonicMs());
      }
    };
    const done = loop();
    await clock.advance(100);
    await done;
    expect(seen).toEqual([10, 20, 30, 40]);
  });

  test("a cancelled timer or turn does not run, even when it is cancelled by another due at the same instant", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(5, () => timer.cancel());
    const timer = clock.after(5, () => ran.push("timer"));
    clock.nextTurn(() => turn.cancel());
    const turn = clock.nextTurn(() => ran.push("turn"));
    await clock.advance(10);
    expect(ran).toEqual([]);
  });

  test("a turn runs before any timer, and what it asks for runs in the turn after", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(0, () => ran.push("timer"));
    clock.nextTurn(() => {
      ran.push("one");
      clock.nextTurn(() => ran.push("three"));
    });
    clock.nextTurn(() => ran.push("two"));
    await clock.advance(0);
    expect(ran).toEqual(["one", "two", "three", "timer"]);
  });

  test("a step of the wall moves neither monotonic time nor timers", async () => {
    const clock = new FakeClock({ wallMs: 10_000 });
    let ran = false;
    clock.after(10, () => (ran = true));
    clock.stepWall(-5_000);
    await clock.settle();
    expect([clock.wallMs(), clock.monotonicMs(), ran]).toEqual([5_000, 0, false]);
  });

  test("what a callback throws rejects the advance", async () => {
    const clock = new FakeClock();
    clock.after(3, () => {
      throw new Error("planted");
    });
    await expect(clock.advance(10)).rejects.toThrow("planted");
    expect(clock.monotonicMs()).toBe(3);
  });

  test("advanceUntil stops at the instant at which the condition holds", async () => {
    const clock = new FakeClock();
    let rounds = 0;
    const tick = (): void => {
      rounds += 1;
      clock.after(10, tick);
    };
    clock.after(10, tick);
    await clock.advanceUntil("three rounds", () => rounds === 3, 1_000);
    expect(clock.monotonicMs()).toBe(30);
    await expect(clock.advanceUntil("a million", () => rounds > 1e6, 50)).rejects.toThrow("a million");
  });

  test("turns that ask for turns for ever are reported instead of hanging the test", {
    timeout: 20_000,
  }, async () => {
    const clock = new FakeClock();
    const again = (): void => void clock.nextTurn(again);
    again();
    await expect(clock.settle()).rejects.toThrow(`${turnsPerInstantMax} turns`);
  });
});
