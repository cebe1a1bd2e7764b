import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { sleep } from "./clock.ts";
import { systemClock } from "./system-clock.ts";

describe("sleep", () => {
  test("an abort ends it at once and leaves neither a timer nor a listener behind", async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const slept = sleep(clock, 1_000, abort.signal);
    expect(clock.pendingTimers).toBe(1);
    abort.abort();
    await slept;
    expect(clock.pendingTimers).toBe(0);
    await sleep(clock, 1_000, abort.signal);
    expect(clock.monotonicMs()).toBe(0);
  });
});

describe("systemClock", () => {
  test("monotonic time never goes back and timers run no earlier than they were asked to", async () => {
    const clock = systemClock();
    const startMs = clock.monotonicMs();
    await sleep(clock, 5);
    // Timers of Node count whole milliseconds, so that one may end up to a millisecond early.
    expect(clock.monotonicMs() - startMs).toBeGreaterThan(4);
  });

  test("a delay beyond what timers can hold does not run at once", async () => {
    const clock = systemClock();
    let early = false;
    const timer = clock.after(2 ** 40, () => (early = true));
    await sleep(clock, 10);
    timer.cancel();
    expect(early).toBe(false);
  });

  test("the next turn comes, unless it is cancelled", async () => {
    const clock = systemClock();
    const ran: string[] = [];
    clock.nextTurn(() => ran.push("cancelled")).cancel();
    clock.nextTurn(() => ran.push("kept"));
    await waitUntil("the turn", () => ran.length > 0);
    expect(ran).toEqual(["kept"]);
  });
});
