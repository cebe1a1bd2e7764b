import { afterEach, beforeEach, expect, test } from "vitest";
import { SessionBench } from "./fixtures/device.ts";
import { FeedStage } from "./fixtures/feed-stage.ts";
import { accountId, groupId, message } from "./fixtures/feed-world.ts";
import { entryEvent } from "./fixtures/scripted-feed.ts";

const group = groupId(1);
const ack = (value: bigint) => ({ case: "ack", value }) as const;

let bench: SessionBench;
beforeEach(() => {
  bench = new SessionBench();
});
afterEach(() => bench.world.registry.stop());

test("an entry is traced when it is pushed and when its device acknowledges it, once each", async () => {
  const { traced } = bench.world;
  const { feed, say } = await bench.attach();
  feed.offer(entryEvent(group, 1n), entryEvent(group, 2n), entryEvent(group, 3n));
  await bench.clock.settle();
  await say(ack(2n));
  await say(ack(2n));
  expect(traced).toEqual([
    "pushed a1 1",
    "pushed a1 2",
    "pushed a1 3",
    "acknowledged a1 1",
    "acknowledged a1 2",
  ]);
});

test("what is sent again is traced as such, and settled by any of its transmissions", async () => {
  const { traced } = bench.world;
  const { feed, say } = await bench.attach();
  feed.offer(entryEvent(group, 1n));
  await bench.clock.advance(10_500);
  expect(traced).toEqual(["pushed a1 1", "pushed a1 1!"]);
  await say(ack(1n));
  expect(traced.slice(2)).toEqual(["acknowledged a1 1"]);
});

test("notices about a conversation are no entries and leave no trace", async () => {
  const { feed, say, outlet } = await bench.attach();
  feed.offer({ ...entryEvent(group, 1n), kind: "behind" });
  await bench.clock.settle();
  expect(outlet.events).toHaveLength(1);
  await say(ack(1n));
  expect(bench.world.traced).toEqual([]);
});

test("an entry whose event did not come is traced when it is read", async () => {
  const stage = new FeedStage();
  stage.createGroup(group, [accountId(1)]);
  await stage.attach(accountId(1), [group, 1n]);
  stage.world.append(group, message());
  stage.say(group);
  await stage.world.clock.settle();
  // The later one had come, although it was read along.
  expect(stage.world.repaired).toEqual([`${group} 2`]);
});

test("the registry names the attached devices of an account", async () => {
  await bench.attach({ deviceId: "a1" });
  const { session } = await bench.attach({ deviceId: "a2" });
  await bench.attach({ accountId: "bob", deviceId: "b1" });
  const devices = () => bench.world.registry.devicesOf("alice").map(({ deviceId }) => deviceId);
  expect(devices()).toEqual(["a1", "a2"]);
  session.lose();
  expect(devices()).toEqual(["a1"]);
});
