import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { createLoadReport } from "./load-report.ts";

test("a load is told in steps of a hundredth, when it changes, until the report is stopped", async () => {
  const clock = new FakeClock();
  const said: number[] = [];
  let load = 0;
  const report = createLoadReport({ clock, load: () => load, say: (told) => void said.push(told) });
  report.start();
  for (const next of [0.004, 0.1234, 0.1241, 0.2]) {
    load = next;
    await clock.advance(5_000);
  }
  expect(said).toEqual([0.12, 0.2]);
  report.stop();
  load = 0.9;
  await clock.advance(20_000);
  expect([said.length, clock.pendingTimers]).toEqual([2, 0]);
});
