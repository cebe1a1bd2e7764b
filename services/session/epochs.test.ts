import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ServerFrameSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { directConversationId } from "../message/conversation-id.ts";
import { positionOf } from "./fixtures/feed-device.ts";
import { entriesOf, FeedStage } from "./fixtures/feed-stage.ts";
import { accountId, groupId } from "./fixtures/feed-world.ts";

const alice = accountId(1);
const bob = accountId(2);
const group = groupId(1);
const direct = directConversationId(alice, bob);

/** A group of alice with ten entries, in a store whose epoch 2 began behind entry `head`; undefined: nobody appended since. */
async function putBack(head: bigint | undefined): Promise<FeedStage> {
  const stage = new FeedStage();
  stage.createGroup(group, [alice]);
  stage.say(group, 9);
  stage.world.lineage = [1n, 2n];
  if (head !== undefined) await stage.world.epochHeads.record(group, 2n, head);
  return stage;
}

describe("a position of an earlier epoch", () => {
  test("above the recorded head is rewound to it, and named in the new epoch", async () => {
    const stage = await putBack(6n);
    const device = stage.device(alice, [group, 8n]);
    await device.feed?.open(device.positions);
    const first = device.feed?.next();
    const [event] = fromBinary(ServerFrameSchema, first?.bytes ?? new Uint8Array()).events;
    expect(event?.kind.case).toBe("rewound");
    expect(event?.kind.value).toMatchObject({ conversationId: group, epoch: 2n, seq: 6n });
    const again = await stage.attach(alice, [group, 8n]);
    expect(await stage.drain(again)).toEqual([`rewound ${group} 6`, ...entriesOf(group, 7, 10)]);
  });

  test("that is not above it stays, and nothing is said of it", async () => {
    const stage = await putBack(6n);
    const device = await stage.attach(alice, [group, 6n]);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 7, 10));
  });

  test("is rewound to the head where nobody has appended since", async () => {
    const stage = await putBack(undefined);
    const device = await stage.attach(alice, [group, 14n]);
    expect(await stage.drain(device)).toEqual([`rewound ${group} 10`]);
    const other = await stage.attach(alice, [group, 10n]);
    expect(await stage.drain(other)).toEqual([]);
  });

  test("is rewound to the lowest of the heads of all later epochs", async () => {
    const stage = await putBack(6n);
    stage.world.lineage = [1n, 2n, 3n];
    await stage.world.epochHeads.record(group, 3n, 4n);
    const device = await stage.attach(alice, [group, 8n]);
    expect(await stage.drain(device)).toEqual([`rewound ${group} 4`, ...entriesOf(group, 5, 10)]);
  });

  test("is not rewound by an entry that was appended between the reads of the head and of the records", async () => {
    const stage = await putBack(undefined);
    const { world } = stage;
    const device = stage.device(alice, [group, 14n]);
    const lowestAbove = world.epochHeads.lowestAbove.bind(world.epochHeads);
    world.epochHeads.lowestAbove = async (ids, epoch) => {
      const none = await lowestAbove(ids, epoch);
      await world.epochHeads.record(group, 2n, 10n);
      stage.say(group, 3);
      return none;
    };
    await device.feed?.open(device.positions);
    expect(await stage.drain(device)).toEqual([`rewound ${group} 10`, ...entriesOf(group, 11, 13)]);
  });

  test("of an epoch that is none of the store's history is rewound to the beginning, and so is one of a later epoch", async () => {
    const stage = await putBack(6n);
    stage.world.lineage = [2n, 4n];
    for (const epoch of [1n, 3n, 5n]) {
      const device = stage.device(alice, [group, 8n]);
      await device.feed?.open([{ ...positionOf(group, 8n), epoch }]);
      expect(await stage.drain(device)).toEqual([`rewound ${group} 0`, ...entriesOf(group, 1, 10)]);
    }
  });

  test("of a later epoch makes the node look, and if it learns of that epoch the device has to open again", async () => {
    const stage = await putBack(6n);
    const device = stage.device(alice);
    stage.world.onRefresh = () => {
      stage.world.lineage = [1n, 2n, 3n];
      stage.feeds.beginEpoch();
    };
    await device.feed?.open([{ ...positionOf(group, 8n), epoch: 3n }]);
    expect(await stage.drain(device)).toEqual([]);
    expect(stage.feeds.stats()).toMatchObject({ feeds: 0, conversations: 0 });
    const again = stage.device(alice, [group, 8n]);
    await again.feed?.open([{ ...positionOf(group, 8n), epoch: 3n }]);
    expect(await stage.drain(again)).toEqual(entriesOf(group, 9, 10));
  });

  test("costs a read of records only where there is one", async () => {
    const stage = await putBack(6n);
    const device = stage.device(alice, [group, 8n]);
    await device.feed?.open([{ ...positionOf(group, 8n), epoch: 2n }]);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 9, 10));
    expect(stage.world.reads.epochHeads).toBe(0);
  });

  test("that a device follows from is rewound as well", async () => {
    const stage = await putBack(6n);
    const device = await stage.attach(alice, [group, 6n]);
    await stage.drain(device);
    device.held.set(group, 9n);
    device.feed?.follow(positionOf(group, 9n));
    expect(await stage.drain(device)).toContain(`rewound ${group} 6`);
    expect(device.held.get(group)).toBe(10n);
  });

  test("in a conversation that is gone as a whole is rewound to nothing", async () => {
    const stage = await putBack(6n);
    const device = await stage.attach(alice, [direct, 5n]);
    expect(await stage.drain(device)).toContain(`rewound ${direct} 0`);
  });

  test("in a group that the account was only in before is dropped before the account is added again", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [bob]);
    stage.say(group, 3);
    stage.world.lineage = [1n, 2n];
    await stage.world.epochHeads.record(group, 2n, 4n);
    const device = await stage.attach(alice, [group, 20n]);
    // It holds entries of a membership that was undone.
    device.held.set(group, 20n);
    expect(await stage.drain(device)).toEqual([]);
    stage.add(group, alice);
    stage.world.apply(group);
    stage.say(group, 2);
    expect(await stage.drain(device)).toEqual([`rewound ${group} 0`, ...entriesOf(group, 5, 7)]);
    expect(device.held.get(group)).toBe(7n);
  });
});

describe("a node that learns of a new epoch", () => {
  test("forgets heads and rings: later feeds begin with what the store says, whatever earlier ones still hold", async () => {
    const stage = await putBack(undefined);
    const { world, feeds } = stage;
    const before = await stage.attach(alice);
    await stage.drain(before);
    expect(feeds.stats().ringBytes).toBe(0);
    stage.say(group, 5);
    expect(feeds.stats().ringBytes).toBeGreaterThan(0);
    // One that is being opened holds the view while the epoch begins.
    const opening = stage.device(alice);
    world.mood.delayMsMax = 50;
    const isHeld = world.reads.heads + 2;
    const opened = opening.feed?.open([]);
    // Its direct conversations are listed, and then heads are read, while the view is held.
    await world.clock.advanceUntil("the view is held", () => world.reads.heads === isHeld, 1_000);
    world.logs.get(group)?.splice(7);
    world.lineage = [1n, 2n, 3n];
    feeds.beginEpoch();
    expect(feeds.stats()).toMatchObject({
      feeds: 0,
      conversations: 0,
      accounts: 0,
      ringBytes: 0,
      lagging: 0,
    });
    const after = stage.device(alice, [group, 15n]);
    const reopened = after.feed?.open(after.positions);
    await world.clock.advance(1_000);
    await Promise.all([opened, reopened]);
    world.mood.delayMsMax = 0;
    stage.say(group, 2);
    expect(await stage.drain(after)).toEqual([`rewound ${group} 7`, ...entriesOf(group, 8, 9)]);
    expect([before.take(10), opening.take(10)]).toEqual([0, 0]);
    expect(feeds.stats()).toMatchObject({ feeds: 1, conversations: 1 });
  });
});
