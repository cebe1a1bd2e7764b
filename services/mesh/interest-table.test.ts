import { expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { InterestTable, unlistedInterestMs } from "./interest-table.ts";

function tableOn(clock: FakeClock, topicsPerNodeMax?: number) {
  const counts = { warnings: 0, refused: 0 };
  const table = new InterestTable({
    clock,
    logger: { ...silentLogger, warn: () => (counts.warnings += 1) },
    metrics: { interestRefused: () => (counts.refused += 1) },
    topicsPerNodeMax,
  });
  table.follow(new Set(["n1", "n2"]));
  return { table, counts };
}

test("a node whose link begins anew has joined nothing, and its topics go when there is time", async () => {
  const clock = new FakeClock();
  const { table } = tableOn(clock);
  table.join("n1", ["conv/a", "conv/b"]);
  table.join("n2", ["conv/b"]);
  table.reset("n1");
  expect([table.nodesOf("conv/a"), table.nodesOf("conv/b"), table.topicsOf("n1").size]).toEqual([
    [],
    ["n2"],
    0,
  ]);
  await clock.settle();
  expect([...table.topics()]).toEqual(["conv/b"]);
});

test("a node that is not listed hears nothing, and what it joined ends unless it is listed in time", async () => {
  const clock = new FakeClock();
  const { table } = tableOn(clock);
  table.join("n1", ["conv/a"]);
  table.follow(new Set(["n2"]));
  expect([table.nodesOf("conv/a"), table.topicsOf("n1").size]).toEqual([[], 1]);
  await clock.advance(unlistedInterestMs - 1);
  table.follow(new Set(["n1", "n2"]));
  await clock.advance(unlistedInterestMs);
  expect(table.nodesOf("conv/a")).toEqual(["n1"]);
  table.follow(new Set(["n2"]));
  table.follow(new Set());
  await clock.advance(unlistedInterestMs);
  expect([table.topicsOf("n1").size, table.size]).toEqual([0, 0]);
});

test("what a node joins over a new link is kept although the list does not have it yet", async () => {
  const clock = new FakeClock();
  const { table } = tableOn(clock);
  table.join("n3", ["conv/a"]);
  table.follow(new Set(["n1"]));
  await clock.advance(unlistedInterestMs - 1);
  table.reset("n3");
  table.join("n3", ["conv/a"]);
  await clock.advance(unlistedInterestMs);
  table.follow(new Set(["n1", "n3"]));
  expect(table.nodesOf("conv/a")).toEqual(["n3"]);
});

test("a node that joins too much is refused the rest, counted each time and logged once", () => {
  const { table, counts } = tableOn(new FakeClock(), 2);
  table.join("n1", ["conv/a", "conv/b", "conv/c", "conv/d"]);
  expect([...table.topicsOf("n1")]).toEqual(["conv/a", "conv/b"]);
  expect(counts).toEqual({ warnings: 1, refused: 2 });
  table.leave("n1", ["conv/a"]);
  table.join("n1", ["conv/c"]);
  expect(table.nodesOf("conv/c")).toEqual(["n1"]);
  table.reset("n1");
  table.join("n1", ["conv/a", "conv/b", "conv/c"]);
  expect(counts).toEqual({ warnings: 2, refused: 3 });
});

test("a table that stops leaves no timer behind", () => {
  const clock = new FakeClock();
  const { table } = tableOn(clock);
  table.join("n1", ["conv/a"]);
  table.follow(new Set());
  expect(clock.pendingTimers).toBe(1);
  table.stop();
  expect(clock.pendingTimers).toBe(0);
});
