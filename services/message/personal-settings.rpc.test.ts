import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { conversationTopic, userTopic } from "../mesh/router.ts";
import { directConversationId, groupConversationId } from "./conversation-id.ts";
import { alice, bob, carol, ReadingWorld } from "./fixtures/reading-world.ts";
import { reasonOf } from "./fixtures/rpc-clients.ts";
import { createConversationVersions } from "./versions.ts";

const group = groupConversationId(alice, "1");
const direct = directConversationId(alice, bob);

describe("GetConversation", () => {
  test("answers as the list does", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.say(group, alice, "text");
    await world.say(direct, bob, "text");
    const { conversations } = world.as(alice);
    const list = await conversations.listConversations({});
    expect(list.conversations).toHaveLength(2);
    for (const listed of list.conversations) {
      const { conversationId } = listed;
      expect((await conversations.getConversation({ conversationId })).conversation).toEqual(listed);
    }
    await world.leave(group, alice);
    const [left] = (await conversations.listConversations({})).conversations;
    expect((await conversations.getConversation({ conversationId: group })).conversation).toEqual(left);
  });

  test("knows no conversation that has no entries or that the caller may not see", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice);
    for (const conversationId of [direct, group, "x"]) {
      const call = world.as(bob).conversations.getConversation({ conversationId });
      expect(await reasonOf(call)).toBe("CONVERSATION_NOT_FOUND");
    }
  });
});

describe("MarkRead", () => {
  test("moves the cursor forward and never back", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one", "two", "three");
    const { conversations } = world.as(bob);
    const moved = await conversations.markRead({ conversationId: direct, seq: 2n });
    expect(moved).toMatchObject({ readSeq: 2n, unreadCount: 1n });
    const back = await conversations.markRead({ conversationId: direct, seq: 1n });
    expect(back).toMatchObject({ readSeq: 2n, unreadCount: 1n });
    const { conversation } = await conversations.getConversation({ conversationId: direct });
    expect(conversation).toMatchObject({ readSeq: 2n, unreadCount: 1n });
  });

  test("tells both accounts of a direct conversation, and the caller's devices its version", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one");
    await world.as(bob).conversations.markRead({ conversationId: direct, seq: 1n });
    const value = { conversationId: direct, accountId: bob, seq: 1n };
    const conversations = await createConversationVersions(world).conversations(bob);
    const { events } = world;
    expect(events.map((event) => [event.topic, event.key])).toEqual([
      [userTopic(bob), `read/${bob}/${direct}`],
      [userTopic(alice), `read/${bob}/${direct}`],
      [userTopic(bob), "versions"],
    ]);
    for (const event of events)
      expect(event).toMatchObject({ class: "ephemeral", seq: 0n, membership: false });
    expect(world.takeSignals(userTopic(bob))).toMatchObject([
      { case: "readCursor", value },
      { case: "versions", value: { conversations } },
    ]);
  });

  test("tells the members of a group, and after the caller left only its own devices", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.say(group, alice, "one");
    await world.as(bob).conversations.markRead({ conversationId: group, seq: 1n });
    expect(world.takeSignals(conversationTopic(group))).toMatchObject([
      { case: "readCursor", value: { accountId: bob, seq: 1n } },
    ]);
    await world.leave(group, bob);
    await world.as(bob).conversations.markRead({ conversationId: group, seq: 3n });
    expect(world.events.map((event) => event.topic)).toEqual([userTopic(bob), userTopic(bob)]);
  });

  test("tells nobody when nothing moved", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one", "two");
    const { conversations } = world.as(bob);
    await conversations.markRead({ conversationId: direct, seq: 2n });
    const before = await createConversationVersions(world).conversations(bob);
    world.events.length = 0;
    await conversations.markRead({ conversationId: direct, seq: 2n });
    await conversations.markRead({ conversationId: direct, seq: 1n });
    expect(world.events).toEqual([]);
    expect(await createConversationVersions(world).conversations(bob)).toBe(before);
  });

  test("refuses a seq above what the caller may see, also in a group that it has left", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.leave(group, bob);
    await world.say(group, alice, "unseen");
    const above = world.as(bob).conversations.markRead({ conversationId: group, seq: 3n });
    expect(await reasonOf(above)).toBe("POSITION_ABOVE_HEAD");
    const stranger = world.as(carol).conversations.markRead({ conversationId: group, seq: 1n });
    expect(await reasonOf(stranger)).toBe("CONVERSATION_NOT_FOUND");
    expect(world.events).toEqual([]);
  });

  test("counts a sender's own messages as read before its cursor has reached the store", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one");
    await world.say(direct, bob, "two");
    world.ownReads.noteSent(bob, direct, 2n, 2n);
    const { conversations } = world.as(bob);
    const [listed] = (await conversations.listConversations({})).conversations;
    expect(listed).toMatchObject({ unreadCount: 0n, readSeq: 2n });
    const marked = await conversations.markRead({ conversationId: direct, seq: 1n });
    expect(marked).toMatchObject({ readSeq: 2n, unreadCount: 0n });
  });
});

describe("MuteConversation", () => {
  test("turns notifications off and on again without touching the cursor", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one");
    const { conversations } = world.as(bob);
    await conversations.markRead({ conversationId: direct, seq: 1n });
    const muteEndTime = timestampFromMs(world.clock.wallMs() + 60_000);
    const muted = await conversations.muteConversation({ conversationId: direct, muteEndTime });
    expect(muted.conversation).toMatchObject({ muteEndTime, readSeq: 1n });
    const [listed] = (await conversations.listConversations({})).conversations;
    expect(listed?.muteEndTime).toEqual(muteEndTime);
    const loud = await conversations.muteConversation({ conversationId: direct });
    expect(loud.conversation?.muteEndTime).toBeUndefined();
    expect(loud.conversation?.readSeq).toBe(1n);
  });

  test("ends by itself: what is past is not told any more", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one");
    const { conversations } = world.as(bob);
    const muteEndTime = timestampFromMs(world.clock.wallMs() + 60_000);
    await conversations.muteConversation({ conversationId: direct, muteEndTime });
    await world.clock.advance(60_000);
    const { conversation } = await conversations.getConversation({ conversationId: direct });
    expect(conversation?.muteEndTime).toBeUndefined();
  });

  test("takes a past time as off, and any time after the year 9999 as its end", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one");
    const { conversations } = world.as(bob);
    const past = timestampFromMs(world.clock.wallMs());
    const unmuted = await conversations.muteConversation({ conversationId: direct, muteEndTime: past });
    expect(unmuted.conversation?.muteEndTime).toBeUndefined();
    const far = { seconds: 9_000_000_000_000n, nanos: 0 };
    const forEver = await conversations.muteConversation({ conversationId: direct, muteEndTime: far });
    expect(forEver.conversation?.muteEndTime?.seconds).toBe(253_402_300_799n);
  });

  test("changes the version and tells the caller's devices once, however often it is repeated", async () => {
    const world = new ReadingWorld();
    await world.say(direct, alice, "one");
    const { conversations } = world.as(bob);
    const versions = createConversationVersions(world);
    const before = await versions.conversations(bob);
    const request = { conversationId: direct, muteEndTime: timestampFromMs(world.clock.wallMs() + 60_000) };
    await conversations.muteConversation(request);
    const after = await versions.conversations(bob);
    await conversations.muteConversation(request);
    expect(after).not.toBe(before);
    expect(await versions.conversations(bob)).toBe(after);
    expect(world.takeSignals(userTopic(bob))).toMatchObject([{ value: { conversations: after } }]);
  });

  test("knows no conversation that the caller may not see", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice);
    const call = world.as(bob).conversations.muteConversation({ conversationId: group });
    expect(await reasonOf(call)).toBe("CONVERSATION_NOT_FOUND");
  });
});

describe("the version of an account's conversations", () => {
  test("changes when the account joins or leaves a group, and not for others", async () => {
    const world = new ReadingWorld();
    const versions = createConversationVersions(world);
    const seen = new Set([await versions.conversations(bob)]);
    await world.found(group, alice);
    expect(await versions.conversations(bob)).toBe([...seen][0]);
    await world.add(group, alice, bob);
    seen.add(await versions.conversations(bob));
    await world.leave(group, bob);
    seen.add(await versions.conversations(bob));
    expect(seen.size).toBe(3);
    for (const version of seen) expect(version.length).toBeLessThanOrEqual(64);
  });
});
