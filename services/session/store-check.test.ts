import { expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { directConversationId } from "../message/conversation-id.ts";
import type { ChangeStore, StoreChanges } from "../message/ports.ts";
import type { FeedDevice } from "./fixtures/feed-device.ts";
import { entriesOf, FeedStage } from "./fixtures/feed-stage.ts";
import { accountId, groupId, message } from "./fixtures/feed-world.ts";
import { createStoreCheck, type StoreCheck } from "./store-check.ts";

const [alice, bob, carol] = [accountId(1), accountId(2), accountId(3)];
const group = groupId(1);
const direct = directConversationId(alice, bob);

/** What a store was asked, and how often it says that it is away before it answers. */
interface AskedStore {
  asked: number;
  failing: number;
  readonly settled: string[];
}

/** A stage whose check reads every row each time, as a store may that tells rows again. */
interface CheckStage {
  readonly stage: FeedStage;
  readonly check: StoreCheck;
  readonly store: AskedStore;
}

async function openStage(): Promise<CheckStage> {
  const stage = new FeedStage();
  const { world } = stage;
  const store: AskedStore = { asked: 0, failing: 0, settled: [] };
  const changes: ChangeStore = {
    currentMark: async () => "0",
    changedSince: async (mark): Promise<StoreChanges> => {
      store.asked += 1;
      if (store.failing > 0) {
        store.failing -= 1;
        throw new Error("planted: the store is away");
      }
      const heads = await world.deps.heads.read([...world.logs.keys()]);
      const rows = await Promise.all([alice, bob, carol].map((id) => world.deps.memberships.ofAccount(id)));
      return { heads, members: rows.flat(), mark, more: false };
    },
  };
  const { clock, rng } = world;
  const effects = {
    settle: async (ids: readonly string[]) => {
      store.settled.push(...ids);
      await world.deps.effects.settle(ids);
    },
  };
  const surroundings = { clock, rng, logger: silentLogger, metrics: silentMetrics };
  const check = createStoreCheck({ changes, feeds: stage.feeds, effects, ...surroundings });
  await check.start();
  return { stage, check, store };
}

async function drainAfterCheck({ stage }: CheckStage, device: FeedDevice): Promise<string[]> {
  const before = device.taken.length;
  await stage.world.clock.advance(6_000);
  await stage.drain(device);
  return device.taken.slice(before);
}

/** Appends without telling anybody. */
function sayUnheard({ stage }: CheckStage, conversationId: string, count: number): void {
  for (let index = 0; index < count; index += 1) stage.world.append(conversationId, message());
}

test("entries of which no event came reach a group's devices with the next check", async () => {
  const opened = await openStage();
  const { stage } = opened;
  stage.createGroup(group, [alice, bob]);
  const device = await stage.attach(alice);
  await stage.drain(device);
  sayUnheard(opened, group, 3);
  expect(await stage.drain(device)).toEqual([]);
  expect(await drainAfterCheck(opened, device)).toEqual(entriesOf(group, 2, 4));
});

test("a direct conversation that began unheard, and what follows in it, reaches both members", async () => {
  const opened = await openStage();
  const device = await opened.stage.attach(alice);
  sayUnheard(opened, direct, 1);
  expect(await drainAfterCheck(opened, device)).toEqual(entriesOf(direct, 1, 1));
  sayUnheard(opened, direct, 2);
  expect(await drainAfterCheck(opened, device)).toEqual(entriesOf(direct, 2, 3));
});

test("a member that heard nothing of a direct conversation gets it, also when the node knows it for the other one", async () => {
  const opened = await openStage();
  const bobs = await opened.stage.attach(bob);
  sayUnheard(opened, direct, 1);
  const alices = await opened.stage.attach(alice);
  expect(await opened.stage.drain(alices)).toEqual(entriesOf(direct, 1, 1));
  expect(await drainAfterCheck(opened, bobs)).toEqual(entriesOf(direct, 1, 1));
});

test("an account that was added unheard gets the group, and one that was removed gets nothing after it", async () => {
  const opened = await openStage();
  const { stage } = opened;
  stage.createGroup(group, [alice]);
  const bobs = await stage.attach(bob);
  stage.world.append(group, { case: "membersAdded", value: { accountIds: [bob] } });
  stage.world.apply(group);
  expect(await drainAfterCheck(opened, bobs)).toEqual(entriesOf(group, 2, 2));
  stage.world.append(group, { case: "memberRemoved", value: { accountId: bob } });
  sayUnheard(opened, group, 2);
  stage.world.apply(group);
  expect(await drainAfterCheck(opened, bobs)).toEqual(entriesOf(group, 3, 3));
});

test("an account that was added again unheard gets the group, also when the node learned the head otherwise", async () => {
  const opened = await openStage();
  const { stage } = opened;
  stage.createGroup(group, [alice, bob]);
  const bobs = await stage.attach(bob);
  stage.world.append(group, { case: "memberRemoved", value: { accountId: bob } });
  stage.world.apply(group);
  expect(await drainAfterCheck(opened, bobs)).toEqual(entriesOf(group, 1, 2));
  // Nobody needs the group here, so nobody listens, until the device of another member is placed at its head.
  stage.world.append(group, { case: "membersAdded", value: { accountIds: [bob] } });
  sayUnheard(opened, group, 1);
  stage.world.apply(group);
  await stage.attach(alice);
  expect(await drainAfterCheck(opened, bobs)).toEqual(entriesOf(group, 3, 4));
});

test("effects that nobody finished are finished a check later", async () => {
  const opened = await openStage();
  const { stage, store } = opened;
  stage.createGroup(group, [alice]);
  const bobs = await stage.attach(bob);
  // Their owner died between the commit and the effects.
  stage.world.append(group, { case: "membersAdded", value: { accountIds: [bob] } });
  await stage.world.clock.advance(6_000);
  expect(store.settled).toEqual([]);
  expect(await drainAfterCheck(opened, bobs)).toEqual(entriesOf(group, 2, 2));
  expect(store.settled).toEqual([group]);
});

test("a check that fails is made again soon, and nothing is lost by it", async () => {
  const opened = await openStage();
  const { stage, store } = opened;
  stage.createGroup(group, [alice]);
  const device = await stage.attach(alice);
  await stage.drain(device);
  sayUnheard(opened, group, 1);
  store.failing = 3;
  expect(await drainAfterCheck(opened, device)).toEqual(entriesOf(group, 2, 2));
  expect(store.failing).toBe(0);
});

test("checkNow does not wait for the interval, and calls that come together are one check", async () => {
  const opened = await openStage();
  const { stage, check, store } = opened;
  stage.createGroup(group, [alice]);
  const device = await stage.attach(alice);
  await stage.drain(device);
  sayUnheard(opened, group, 1);
  for (let call = 0; call < 5; call += 1) check.checkNow();
  await stage.world.clock.advance(0);
  expect(await stage.drain(device)).toEqual(entriesOf(group, 2, 2));
  expect(store.asked).toBe(1);
});

test("rows that tell nothing new are read and cause nothing", async () => {
  const opened = await openStage();
  const { stage } = opened;
  stage.createGroup(group, [alice, bob]);
  stage.say(direct);
  const device = await stage.attach(alice);
  await stage.drain(device);
  const { reads } = stage.world;
  const before = reads.readAfter + reads.settle;
  expect(await drainAfterCheck(opened, device)).toEqual([]);
  expect(reads.readAfter + reads.settle).toBe(before);
});

test("a stopped check asks no more", async () => {
  const { stage, check, store } = await openStage();
  check.stop();
  check.checkNow();
  await stage.world.clock.advance(60_000);
  expect(store.asked).toBe(0);
});
