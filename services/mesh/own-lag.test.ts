import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { FreezableClock } from "./fixtures/freezable-clock.ts";
import { OwnLag } from "./own-lag.ts";

test("a node whose timers run does not lag", async () => {
  const clock = new FakeClock();
  const lag = new OwnLag(clock);
  for (let step = 0; step < 20; step += 1) {
    await clock.advance(77);
    expect(lag.lagMs()).toBe(0);
  }
  lag.stop();
  expect(clock.pendingTimers).toBe(0);
});

test("after a stop, whoever runs first learns of it, and so does who runs just after", async () => {
  const clock = new FakeClock();
  const frozen = new FreezableClock(clock);
  const lag = new OwnLag(frozen);
  await clock.advance(1_000);
  frozen.freeze();
  await clock.advance(3_000);
  expect(lag.lagMs()).toBe(2_750);
  frozen.thaw();
  await clock.advance(50);
  expect(lag.lagMs()).toBe(2_750);
  await clock.advance(100);
  expect(lag.lagMs()).toBe(0);
});
