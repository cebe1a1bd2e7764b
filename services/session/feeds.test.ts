import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { conversationTopic, userTopic } from "../mesh/router.ts";
import { directConversationId } from "../message/conversation-id.ts";
import { positionOf } from "./fixtures/feed-device.ts";
import { entriesOf, FeedStage } from "./fixtures/feed-stage.ts";
import { accountId, groupId, message } from "./fixtures/feed-world.ts";
import { repairGap } from "./gap-repair.ts";

const alice = accountId(1);
const bob = accountId(2);
const group = groupId(1);
const other = groupId(2);
const direct = directConversationId(alice, bob);

describe("opening", () => {
  test("a conversation that is not named starts at the member's first entry", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [bob]);
    stage.say(group, 3);
    stage.add(group, alice);
    stage.say(group, 2);
    stage.world.apply(group);
    stage.world.say(direct);
    const device = await stage.attach(alice);
    expect((await stage.drain(device)).sort()).toEqual([`entry ${direct} 1`, ...entriesOf(group, 5, 7)]);
  });

  test("a named one goes on behind its position, and its effects are finished before rows decide", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 4);
    stage.remove(group, alice);
    stage.say(group, 4);
    const device = await stage.attach(alice, [group, 3n]);
    expect(stage.world.reads.settle).toBe(1);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 4, 6));
    expect(device.feed?.isMember(group)).toBe(false);
  });

  test("names that the account may not see are ignored, and nothing is joined for them", async () => {
    const stage = new FeedStage();
    stage.createGroup(other, [bob]);
    const strangers = directConversationId(bob, accountId(3));
    stage.world.say(strangers);
    const device = await stage.attach(
      alice,
      [other, 0n],
      [strangers, 0n],
      ["nonsense", 4n],
      [groupId(9), 1n],
    );
    expect(await stage.drain(device)).toEqual([]);
    expect(device.feed?.caughtUp).toBe(true);
    expect(stage.feeds.stats()).toMatchObject({ feeds: 1, conversations: 0 });
    expect([...stage.world.everJoined]).toEqual([userTopic(alice)]);
  });

  test("the last position counts when a conversation is named twice", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 9);
    const device = await stage.attach(alice, [group, 2n], [group, 8n]);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 9, 10));
  });

  test("caughtUp comes with the last entry that was there, not with later ones", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 2);
    const device = await stage.attach(alice);
    stage.say(group, 2);
    const seen: boolean[] = [];
    await stage.world.clock.settle();
    device.take(1);
    await stage.world.clock.settle();
    for (let count = 0; count < 5; count += 1) {
      seen.push(device.feed?.caughtUp === true);
      device.take(1);
    }
    expect(seen).toEqual([false, false, false, true, true]);
  });

  test("caughtUp waits for what was handed out and is rewound, as a Poll does whose answer was lost", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 2);
    const device = await stage.attach(alice);
    await stage.drain(device);
    expect(device.feed?.caughtUp).toBe(true);
    device.rewind();
    expect(device.feed?.caughtUp).toBe(false);
    await stage.drain(device);
    expect(device.feed?.caughtUp).toBe(true);
  });

  test("caughtUp does not wait for what a device has listed itself and follows behind", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 9);
    const device = await stage.attach(alice);
    device.feed?.follow(positionOf(group, 10n));
    expect(device.feed?.caughtUp).toBe(true);
  });

  test("what arrives while the store is being read is not lost, in known, new and just joined conversations", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.createGroup(other, [bob]);
    stage.world.mood.delayMsMax = 5;
    const device = stage.device(alice);
    const opened = device.feed?.open([]);
    stage.say(group);
    stage.say(direct);
    stage.add(other, alice);
    await stage.world.clock.advance(2);
    stage.say(group);
    await stage.world.clock.advance(200);
    await opened;
    stage.world.mood.delayMsMax = 0;
    await stage.drain(device);
    expect([...device.taken].sort()).toEqual(
      [`entry ${direct} 1`, ...entriesOf(group, 1, 3), `entry ${other} 2`].sort(),
    );
  });

  test("a store that is away fails it, and leaves no topic joined", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.world.mood.failures = 1;
    await expect(stage.attach(alice)).rejects.toMatchObject({ reason: ErrorReason.STORE_UNAVAILABLE });
    expect(stage.feeds.stats()).toMatchObject({ feeds: 0, accounts: 0, conversations: 0 });
  });
});

describe("far behind, or ahead", () => {
  test("more than 500 entries are answered by behind; only follow resumes the push", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 501);
    const device = await stage.attach(alice, [group, 1n]);
    expect(device.feed?.caughtUp).toBe(false);
    expect(await stage.drain(device)).toEqual([`behind ${group} 502`]);
    expect(device.feed?.caughtUp).toBe(true);
    stage.say(group, 3);
    expect(await stage.drain(device)).toEqual([]);
    device.follow(group);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 503, 505));
    expect(stage.feeds.stats()).toMatchObject({ behind: 1, lagging: 0 });
  });

  test("500 entries are pushed", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 500);
    const device = await stage.attach(alice, [group, 1n]);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 2, 501));
  });

  test("behind comes before anything else, also when a page of the conversation is at hand", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 600);
    const device = await stage.attach(alice, [group, 500n]);
    device.take(1);
    await stage.world.clock.settle();
    device.take(2);
    device.feed?.follow(positionOf(group, 1n));
    const before = device.taken.length;
    await stage.drain(device);
    expect(device.taken.slice(before)).toEqual([`behind ${group} 601`]);
  });

  test("a position above the head is rewound, then new entries come live", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice, [group, 9n]);
    expect(await stage.drain(device)).toEqual([`rewound ${group} 1`]);
    expect(device.held.get(group)).toBe(1n);
    stage.say(group, 2);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 2, 3));
  });

  test("so is one in a group that the account is made a member of only after the feed was opened", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [bob]);
    const device = await stage.attach(alice, [group, 9n]);
    device.held.set(group, 9n);
    expect(await stage.drain(device)).toEqual([]);
    stage.add(group, alice);
    stage.world.apply(group);
    expect(await stage.drain(device)).toEqual([`rewound ${group} 2`]);
    stage.say(group, 2);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 3, 4));
  });

  test("a heads row that lags behind the log rewinds nobody", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 4);
    stage.world.headLag.set(group, 2n);
    const device = await stage.attach(alice, [group, 5n]);
    expect(await stage.drain(device)).toEqual([]);
    expect(stage.world.reads.readLast).toBe(1);
  });

  test("a device may follow from a position that its node has not heard of", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice);
    await stage.drain(device);
    stage.world.append(group, message());
    stage.world.append(group, message());
    device.held.set(group, 2n);
    device.feed?.follow(positionOf(group, 2n));
    expect(await stage.drain(device)).toEqual([`entry ${group} 3`]);
  });

  test("who follows is not told again that it is behind, even while the position is being looked up", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 600);
    const device = await stage.attach(alice);
    await stage.drain(device);
    stage.world.append(group, message());
    device.paused.set(group, 602n);
    device.follow(group);
    device.rewind();
    expect(device.take(1)).toBe(0);
    stage.say(group);
    expect(await stage.drain(device)).toEqual([`entry ${group} 603`]);
  });

  test("following what the account may not see is ignored", async () => {
    const stage = new FeedStage();
    stage.createGroup(other, [bob]);
    const device = await stage.attach(alice);
    for (const id of [other, "nonsense", groupId(9), directConversationId(bob, accountId(3)), direct]) {
      device.feed?.follow(positionOf(id, 7n));
    }
    expect(await stage.drain(device)).toEqual([]);
    expect(stage.feeds.stats().conversations).toBe(0);
    expect([...stage.world.everJoined]).toEqual([userTopic(alice)]);
  });
});

describe("live", () => {
  test("an entry is encoded once: all devices get the same bytes", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice, bob]);
    const devices = [await stage.attach(alice, [group, 1n]), await stage.attach(bob, [group, 1n])];
    stage.say(group);
    const [one, two] = await Promise.all(
      devices.map(async (device) => {
        await stage.drain(device);
        return device.unsettled[0]?.bytes;
      }),
    );
    expect(one).toBeDefined();
    expect(one).toBe(two);
    expect(stage.world.reads.readAfter).toBe(0);
  });

  test("onReady is called once for what came in one turn, and never from inside a call", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice, [group, 1n]);
    await stage.drain(device);
    const before = device.readyCalls;
    stage.say(group, 5);
    expect(device.readyCalls).toBe(before);
    await stage.world.clock.settle();
    expect(device.readyCalls).toBe(before + 1);
  });

  test("every device hears of an entry, also when another one goes while they are told", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [1, 2, 3, 4, 5].map(accountId));
    const devices = await Promise.all(
      [1, 2, 3, 4, 5].map((index) => stage.attach(accountId(index), [group, 1n])),
    );
    for (const device of devices) await stage.drain(device);
    const [first, second, ...others] = devices;
    // The first one has been told: its place in the list is taken by one that has not.
    if (second !== undefined) second.whenReady = () => first?.feed?.close();
    stage.say(group);
    await stage.world.clock.settle();
    expect([first?.readyCalls, ...others.map(({ readyCalls }) => readyCalls)]).toEqual([1, 1, 1, 1]);
  });

  test("devices that took the first entry before the second came are told again in the same pass", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice, bob]);
    const [one, two] = [await stage.attach(alice, [group, 1n]), await stage.attach(bob, [group, 1n])];
    for (const device of [one, two]) await stage.drain(device);
    one.whenReady = () => one.take(10);
    two.whenReady = () => {
      two.whenReady = undefined;
      stage.say(group);
    };
    stage.say(group);
    await stage.world.clock.settle();
    expect(one.taken).toEqual(entriesOf(group, 2, 3));
  });

  test("a lost event is read when the next one comes, once for all devices", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice, bob]);
    const devices = [await stage.attach(alice, [group, 1n]), await stage.attach(bob, [group, 1n])];
    stage.world.append(group, message());
    stage.world.append(group, message());
    stage.say(group);
    for (const device of devices) expect(await stage.drain(device)).toEqual(entriesOf(group, 2, 4));
    expect(stage.world.reads.readAfter).toBe(1);
  });

  test("a gap is tried again while the store is away, and the stream stays", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice, [group, 1n]);
    stage.world.append(group, message());
    stage.world.mood.failures = 1;
    stage.say(group);
    await stage.world.clock.advance(60_000);
    expect(await stage.drain(device)).toEqual([]);
    stage.world.mood.failures = 0;
    await stage.world.clock.advance(5_000);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 2, 3));
  });

  test("a gap that is open when all ends is let go, although somebody still waits for the store", async () => {
    let repairs = 0;
    const stage = new FeedStage(
      {},
      {
        repairGap: async (...given) => {
          repairs += 1;
          // Without an end it would go on in this turn for ever, and no test would see its own end either.
          if (repairs > 3) throw new Error("the repair begins again and again");
          await repairGap(...given);
        },
      },
    );
    stage.createGroup(group, [alice, bob]);
    await stage.attach(alice, [group, 1n]);
    stage.feeds.hear({
      heads: [{ conversationId: group, headSeq: 9n, appliedSeq: 9n, memberLow: "", memberHigh: "" }],
      members: [],
      mark: "",
      more: false,
    });
    await stage.world.clock.settle();
    stage.world.mood.delayMsMax = 10;
    const { heads } = stage.world.reads;
    const opening = stage.attach(bob, [group, 1n]).catch(() => undefined);
    while (stage.world.reads.heads < heads + 2) await stage.world.clock.advance(1);
    stage.feeds.stop();
    await stage.world.clock.advance(1_000);
    await opening;
    expect(repairs).toBe(1);
  });

  test("pages are tried again while the store is away", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 5);
    const device = await stage.attach(alice);
    stage.world.mood.failures = 1;
    expect(await stage.drain(device)).toEqual([]);
    await stage.world.clock.advance(60_000);
    stage.world.mood.failures = 0;
    await stage.world.clock.advance(5_000);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 1, 6));
  });

  test("a busy conversation starves no other", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.createGroup(other, [alice]);
    const device = await stage.attach(alice, [group, 1n], [other, 1n]);
    stage.say(group, 200);
    stage.say(other, 2);
    await stage.world.clock.settle();
    device.take(5);
    expect(device.taken.filter((taken) => taken.includes(other)).length).toBe(2);
  });

  test("the first message of a direct conversation reaches all devices of both", async () => {
    const stage = new FeedStage();
    const devices = [await stage.attach(alice), await stage.attach(alice), await stage.attach(bob)];
    stage.say(direct, 2);
    for (const device of devices) expect(await stage.drain(device)).toEqual(entriesOf(direct, 1, 2));
    stage.say(direct);
    for (const device of devices) expect(await stage.drain(device)).toEqual(entriesOf(direct, 3, 3));
  });
});

describe("membership while attached", () => {
  test("who is added gets that entry first; who is removed gets that entry last", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [bob]);
    stage.say(group, 3);
    const device = await stage.attach(alice);
    stage.add(group, alice);
    stage.say(group);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 5, 6));
    expect(device.feed?.isMember(group)).toBe(true);
    stage.remove(group, alice);
    stage.say(group, 5);
    expect(await stage.drain(device)).toEqual([`entry ${group} 7`]);
    expect(device.feed?.isMember(group)).toBe(false);
  });

  test("who comes back goes on with the entry that added them, even if all of it waited", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice, bob]);
    const device = await stage.attach(alice, [group, 1n]);
    stage.say(group);
    stage.remove(group, alice);
    stage.say(group, 4);
    stage.add(group, alice);
    stage.say(group);
    expect(await stage.drain(device)).toEqual([...entriesOf(group, 2, 3), ...entriesOf(group, 8, 9)]);
  });

  test("the topic is left when the last local member was removed, and entries can still be rewound", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice, [group, 1n]);
    stage.remove(group, alice);
    await stage.drain(device);
    expect([...stage.world.joined]).toEqual([userTopic(alice)]);
    device.rewind();
    expect(await stage.drain(device)).toEqual([`entry ${group} 2`]);
  });

  test("who comes back after the topic was left goes on with the entry that added them", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice, [group, 1n]);
    stage.remove(group, alice);
    await stage.drain(device);
    stage.say(group, 700);
    stage.add(group, alice);
    stage.say(group);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 703, 704));
    // What happened in between is not read: one page, or none when both came live.
    expect(stage.world.reads.readAfter).toBeLessThanOrEqual(1);
  });

  test("who comes back to a group that was handed out before the stream gets nothing of the past again", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 3);
    stage.remove(group, alice);
    const device = await stage.attach(alice, [group, 5n]);
    expect(stage.feeds.stats().conversations).toBe(0);
    stage.add(group, alice);
    expect(await stage.drain(device)).toEqual([`entry ${group} 6`]);
  });
});

describe("handing out again", () => {
  test("everything from the oldest unsettled entry on comes again and says so; later ones do not", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = await stage.attach(alice, [group, 1n]);
    stage.say(group, 4);
    await stage.drain(device);
    device.rewind(1);
    stage.say(group);
    expect(await stage.drain(device)).toEqual(entriesOf(group, 3, 6));
    expect(device.unsettled.slice(1).map(({ redelivered }) => redelivered)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test("behind and rewound come again as such", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.createGroup(other, [alice]);
    stage.say(group, 600);
    const device = await stage.attach(alice, [other, 5n]);
    const first = await stage.drain(device);
    expect(first.sort()).toEqual([`behind ${group} 601`, `rewound ${other} 1`]);
    device.rewind();
    expect((await stage.drain(device)).sort()).toEqual(first);
    expect(device.unsettled.every(({ redelivered }) => redelivered)).toBe(true);
  });

  test("a device that followed is not told again that it is behind", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    stage.say(group, 600);
    const device = await stage.attach(alice);
    await stage.drain(device);
    device.follow(group);
    stage.say(group);
    await stage.drain(device);
    device.rewind();
    expect(await stage.drain(device)).toEqual([`entry ${group} 602`]);
  });
});

describe("signals", () => {
  const typing = (topic: string, conversationId: string) =>
    ({
      topic,
      class: "ephemeral",
      conversationId,
      seq: 0n,
      bytes: new Uint8Array([1]),
      membership: false,
      key: "k",
    }) as const;

  test("reach members only, with a key that tells topics apart", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice, bob]);
    stage.remove(group, bob);
    stage.world.apply(group);
    const [member, past] = [await stage.attach(alice), await stage.attach(bob, [group, 0n])];
    stage.world.router.publish(typing(conversationTopic(group), group));
    stage.world.router.publish(typing(userTopic(alice), direct));
    stage.world.router.publish(typing(userTopic(alice), ""));
    stage.world.router.publish(typing(userTopic(alice), other));
    expect(member.signals).toEqual([`conv/${group}/k 1`, `user/${alice}/k 1`, `user/${alice}/k 1`]);
    expect(past.signals).toEqual([]);
  });

  test("do not come before open has ended", async () => {
    const stage = new FeedStage();
    stage.createGroup(group, [alice]);
    const device = stage.device(alice);
    const opened = device.feed?.open([]);
    stage.world.router.publish(typing(userTopic(alice), ""));
    await opened;
    expect(device.signals).toEqual([]);
  });
});
