import { expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { directConversationId, groupConversationId } from "./conversation-id.ts";
import { alice, bob, carol, ReadingWorld } from "./fixtures/reading-world.ts";
import { locateEntry } from "./locate-entry.ts";

const direct = directConversationId(alice, bob);
const group = groupConversationId(alice, "1");

/** How an account stands to each entry of a conversation, from the first one on. */
async function accesses(world: ReadingWorld, conversationId: string, accountId: string, head: number) {
  const located = [];
  for (let seq = 1n; seq <= head; seq += 1n) {
    const { row, access } = await locateEntry(world.reading, { conversationId, seq, accountId });
    expect([row.conversationId, row.seq]).toEqual([conversationId, seq]);
    located.push(access);
  }
  return located;
}

test("the entries of a direct conversation are for its two accounts", async () => {
  const world = new ReadingWorld();
  await world.say(direct, alice, "one", "two");
  expect(await accesses(world, direct, alice, 2)).toEqual(["visible", "visible"]);
  expect(await accesses(world, direct, bob, 2)).toEqual(["visible", "visible"]);
  expect(await accesses(world, direct, carol, 2)).toEqual(["never", "never"]);
});

test("those of a group are for whoever was a member then, also when its row is not up to date yet", async () => {
  const world = new ReadingWorld();
  await world.found(group, alice);
  await world.add(group, alice, bob);
  world.withholdEffects = true;
  await world.leave(group, bob);
  await world.say(group, alice, "unseen");
  expect(await accesses(world, group, alice, 4)).toEqual(["visible", "visible", "visible", "visible"]);
  expect(await accesses(world, group, bob, 4)).toEqual(["notThen", "visible", "visible", "notThen"]);
  expect(await accesses(world, group, carol, 4)).toEqual(["never", "never", "never", "never"]);
});

test("what does not exist is named: the conversation, or the entry with the head", async () => {
  const world = new ReadingWorld();
  await world.say(direct, alice, "one");
  const locate = (conversationId: string, seq: bigint) =>
    locateEntry(world.reading, { conversationId, seq, accountId: alice });
  for (const conversationId of [group, "x", `d-${bob}-${alice}`]) {
    const metadata = { conversation_id: conversationId };
    const failure = { reason: ErrorReason.CONVERSATION_NOT_FOUND, metadata };
    await expect(locate(conversationId, 1n)).rejects.toMatchObject(failure);
  }
  const failure = { reason: ErrorReason.POSITION_ABOVE_HEAD, metadata: { seq: "2", head: "1" } };
  await expect(locate(direct, 2n)).rejects.toMatchObject(failure);
  await expect(locate(direct, 2n ** 64n - 1n)).rejects.toMatchObject({ reason: failure.reason });
});
