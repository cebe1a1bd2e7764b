import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StoreStandingSchema } from "../../gen/parley/mesh/v1/store_pb.ts";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { nodeRecord } from "./fixtures/node-records.ts";
import { createStoreWatch, storeStandingLimits } from "./store-standings.ts";

const { lookEveryMs, awayAfterMs, heldMs } = storeStandingLimits;

/** The watch of n1 on a store that answers, fails or hangs as a test says; `say` is what another node broadcasts. */
function watchOf() {
  const clock = new FakeClock();
  const said: boolean[] = [];
  let hear: (from: string, body: Uint8Array) => void = () => undefined;
  const store: { answer: () => Promise<unknown> } = { answer: () => Promise.resolve() };
  const watch = createStoreWatch({
    mesh: {
      self: () => nodeRecord("n1"),
      broadcast: (_, body) => said.push(fromBinary(StoreStandingSchema, body).away),
      onBroadcast: (_, handler) => (hear = handler),
    },
    look: () => store.answer(),
    clock,
    logger: silentLogger,
    metrics: silentMetrics,
  });
  let changes = 0;
  watch.onChange(() => (changes += 1));
  // Field 1, true; an empty message says false.
  const say = (from: string, away: boolean): void =>
    hear(from, away ? new Uint8Array([8, 1]) : new Uint8Array());
  return { clock, watch, store, said, say, changes: () => changes };
}

const fail = (): Promise<unknown> => Promise.reject(new Error("no store"));

test("a node whose store refuses for a while says so, again and again, and once when it is back", async () => {
  const { clock, watch, store, said, changes } = watchOf();
  watch.start();
  await clock.advance(10 * lookEveryMs);
  expect([watch.isAway("n1"), said, changes()]).toEqual([false, [], 0]);
  store.answer = fail;
  await clock.advance(awayAfterMs);
  expect(watch.isAway("n1")).toBe(false);
  await clock.advance(2 * lookEveryMs);
  expect([watch.isAway("n1"), changes()]).toEqual([true, 1]);
  const before = said.length;
  await clock.advance(3 * lookEveryMs);
  expect(said.length).toBe(before + 3);
  store.answer = () => Promise.resolve();
  await clock.advance(lookEveryMs);
  expect([watch.isAway("n1"), changes(), said.at(-1)]).toEqual([false, 2, false]);
  await watch.stop();
  expect(clock.pendingTimers).toBe(0);
});

test("a store that hangs is away before the look ends, which is said for as long as it lasts", async () => {
  const { clock, watch, store, said } = watchOf();
  let answer: () => void = () => undefined;
  store.answer = () => new Promise<void>((resolve) => (answer = resolve));
  watch.start();
  await clock.advance(awayAfterMs - 1);
  expect(watch.isAway("n1")).toBe(false);
  await clock.advance(1);
  expect([watch.isAway("n1"), said]).toEqual([true, [true]]);
  await clock.advance(2 * lookEveryMs);
  expect(said).toEqual([true, true, true]);
  answer();
  await clock.settle();
  expect([watch.isAway("n1"), said.at(-1)]).toEqual([false, false]);
});

test("one failed look is nothing", async () => {
  const { clock, watch, store, said } = watchOf();
  store.answer = fail;
  watch.start();
  await clock.advance(lookEveryMs - 1);
  store.answer = () => Promise.resolve();
  await clock.advance(awayAfterMs);
  expect([watch.isAway("n1"), said]).toEqual([false, []]);
});

test("what another node says holds until it says otherwise, or nothing for a while", async () => {
  const { clock, watch, say, changes } = watchOf();
  say("n2", true);
  say("n3", true);
  expect([watch.isAway("n2"), watch.isAway("n1"), changes()]).toEqual([true, false, 2]);
  say("n3", false);
  expect([watch.isAway("n3"), changes()]).toEqual([false, 3]);
  await clock.advance(heldMs - 1);
  say("n2", true);
  await clock.advance(heldMs - 1);
  expect([watch.isAway("n2"), changes()]).toEqual([true, 3]);
  await clock.advance(1);
  expect([watch.isAway("n2"), changes()]).toEqual([false, 4]);
  expect(clock.pendingTimers).toBe(0);
});
