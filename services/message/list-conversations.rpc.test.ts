import { toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ConversationKind, MemberRole } from "../../gen/parley/message/v1/conversation_pb.ts";
import { ListConversationsResponseSchema } from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { directConversationId, groupConversationId } from "./conversation-id.ts";
import { alice, bob, carol, ReadingWorld } from "./fixtures/reading-world.ts";
import { reasonOf } from "./fixtures/rpc-clients.ts";

const group = groupConversationId(alice, "1");
const direct = directConversationId(alice, bob);

/** One message from alice to each of `count` peers, in order. */
async function manyDirect(world: ReadingWorld, count: number, text = "hello"): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) =>
    directConversationId(alice, `00000000000${String(index).padStart(2, "0")}`),
  );
  for (const id of ids) await world.say(id, alice, text);
  return ids;
}

describe("ListConversations", () => {
  test("is empty for an account without conversations", async () => {
    const { conversations } = new ReadingWorld().as(alice);
    expect(await conversations.listConversations({})).toMatchObject({ conversations: [], nextPageToken: "" });
  });

  test("shows a direct conversation and a group in full, the most recently active first", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.say(group, alice, "to all");
    await world.say(direct, alice, "to bob", "again");
    const { conversations } = await world.as(bob).conversations.listConversations({});
    expect(conversations).toHaveLength(2);
    expect(conversations[0]).toMatchObject({
      conversationId: direct,
      kind: ConversationKind.DIRECT,
      peerId: alice,
      name: "",
      role: MemberRole.UNSPECIFIED,
      head: { conversationId: direct, epoch: 1n, seq: 2n },
      messageOrdinal: 2n,
      visibleAfterSeq: 0n,
      unreadCount: 2n,
      readSeq: 0n,
      lastEntry: { seq: 2n, senderId: alice },
      member: true,
    });
    expect(conversations[0]?.muteEndTime).toBeUndefined();
    expect(conversations[0]?.activityTime).toEqual(conversations[0]?.lastEntry?.createTime);
    expect(conversations[1]).toMatchObject({
      conversationId: group,
      kind: ConversationKind.GROUP,
      peerId: "",
      name: `the group of ${alice}`,
      role: MemberRole.MEMBER,
      head: { seq: 2n },
      messageOrdinal: 1n,
      unreadCount: 1n,
      member: true,
    });
    const owned = await world.as(alice).conversations.listConversations({});
    expect(owned.conversations[1]?.role).toBe(MemberRole.OWNER);
  });

  test("counts messages only, from where a member was added on", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice);
    await world.say(group, alice, "before", "before");
    await world.add(group, alice, bob);
    await world.say(group, alice, "after");
    await world.add(group, alice, carol);
    await world.say(group, alice, "after");
    const { conversations } = await world.as(bob).conversations.listConversations({});
    expect(conversations[0]).toMatchObject({ unreadCount: 2n, visibleAfterSeq: 3n, messageOrdinal: 4n });
  });

  test("shows a group that was left as it was then, its time included", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.say(group, alice, "seen");
    await world.leave(group, bob);
    await world.say(direct, alice, "meanwhile");
    await world.say(group, alice, "unseen", "unseen");
    const { conversations } = await world.as(bob).conversations.listConversations({});
    expect(conversations.map((each) => each.conversationId)).toEqual([direct, group]);
    expect(conversations[1]).toMatchObject({
      member: false,
      role: MemberRole.UNSPECIFIED,
      head: { seq: 3n },
      messageOrdinal: 1n,
      unreadCount: 1n,
      lastEntry: { seq: 3n, body: { case: "memberLeft" } },
    });
    expect(conversations[1]?.activityTime).toEqual(conversations[1]?.lastEntry?.createTime);
  });

  test("counts what was missed on both sides of an absence, and nothing of the absence", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.say(group, alice, "read", "missed");
    await world.as(bob).conversations.markRead({ conversationId: group, seq: 2n });
    await world.leave(group, bob);
    await world.say(group, alice, "unseen", "unseen", "unseen");
    await world.add(group, alice, bob);
    await world.say(group, alice, "missed", "missed");
    const { conversations } = await world.as(bob).conversations.listConversations({});
    expect(conversations[0]).toMatchObject({ unreadCount: 3n, readSeq: 2n, visibleAfterSeq: 0n });
  });

  test("knows of removals that nobody had put into effect yet", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    world.withholdEffects = true;
    await world.leave(group, bob);
    await world.say(group, alice, "unseen");
    const { conversations } = await world.as(bob).conversations.listConversations({});
    expect(conversations[0]).toMatchObject({ member: false, head: { seq: 2n } });
  });

  test("does not show an entry that came after the heads were read", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    world.meanwhile.readLast = async () => {
      await world.leave(group, bob);
      await world.say(group, alice, "unseen");
    };
    const { conversations } = await world.as(bob).conversations.listConversations({});
    expect(conversations[0]).toMatchObject({ head: { seq: 1n }, lastEntry: { seq: 1n } });
  });

  test("pages through all, 50 at a time unless told otherwise, each once", async () => {
    const world = new ReadingWorld();
    const ids = await manyDirect(world, 60);
    await world.clock.advance(1);
    const { conversations } = world.as(alice);
    const first = await conversations.listConversations({});
    expect(first.conversations).toHaveLength(50);
    const rest = await conversations.listConversations({ pageToken: first.nextPageToken });
    expect(rest.nextPageToken).toBe("");
    const listed = [...first.conversations, ...rest.conversations].map((each) => each.conversationId);
    expect(listed).toEqual(ids.toReversed());
  });

  test("ends a page at 1 MiB, so that every client can receive it, and leaves none out for it", async () => {
    const world = new ReadingWorld();
    const ids = await manyDirect(world, 40, "x".repeat(49_152));
    await world.clock.advance(1);
    const { conversations } = world.as(alice);
    const listed: string[] = [];
    let pageToken = "";
    do {
      const page = await conversations.listConversations({ pageSize: 200, pageToken });
      expect(toBinary(ListConversationsResponseSchema, page).length).toBeLessThanOrEqual(1024 * 1024);
      expect(page.conversations.length).toBeGreaterThan(0);
      listed.push(...page.conversations.map((each) => each.conversationId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(listed).toEqual(ids.toReversed());
  });

  test("leaves none out that becomes active between two pages", async () => {
    const world = new ReadingWorld();
    const ids = await manyDirect(world, 6);
    await world.clock.advance(1);
    const { conversations } = world.as(alice);
    const first = await conversations.listConversations({ pageSize: 3 });
    await world.say(ids[0] ?? "", alice, "moves to the top");
    const pageToken = first.nextPageToken;
    const second = await conversations.listConversations({ pageSize: 3, pageToken });
    const listed = [...first.conversations, ...second.conversations].map((each) => each.conversationId);
    expect(new Set(listed)).toEqual(new Set(ids));
  });

  test("refuses tokens that it did not give out", async () => {
    const world = new ReadingWorld();
    await manyDirect(world, 2);
    const { conversations } = world.as(alice);
    const forged = Buffer.from('[1,"conversations","NaN","a","1","b"]').toString("base64url");
    for (const pageToken of ["x", forged]) {
      const call = conversations.listConversations({ pageToken });
      expect(await reasonOf(call)).toBe("PAGE_TOKEN_INVALID");
    }
  });
});
