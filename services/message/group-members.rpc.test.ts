import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { MemberRole } from "../../gen/parley/message/v1/conversation_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AppendResult } from "./append-command.ts";
import { directConversationId, groupConversationId } from "./conversation-id.ts";
import { alice, bob, carol, ReadingWorld } from "./fixtures/reading-world.ts";
import { reasonOf } from "./fixtures/rpc-clients.ts";

const requestId = "6F9619FF-8B86-4D11-B42D-00CF4FC964FF";
const group = groupConversationId(alice, requestId.toLowerCase());
const direct = directConversationId(alice, bob);

function committedAt(conversationId: string, seq: bigint): AppendResult {
  const entry = { messageOrdinal: 0n, entryId: "0000000000001", createTimeMs: 0 };
  return { kind: "committed", committed: { conversationId, epoch: 1n, seq, ...entry } };
}

describe("changes of groups", () => {
  test("a creation goes to the id that follows from caller and request, in lower case", async () => {
    const world = new ReadingWorld();
    world.answers = [committedAt(group, 1n)];
    const made = await world.as(alice).groups.createGroup({ requestId, name: "friends", memberIds: [bob] });
    expect(made).toMatchObject({
      conversationId: group,
      position: { conversationId: group, epoch: 1n, seq: 1n },
    });
    expect(world.commands).toEqual([
      {
        conversationId: group,
        senderId: alice,
        senderDeviceId: "device",
        clientMessageId: requestId.toLowerCase(),
        body: { kind: "createGroup", name: "friends", memberIds: [bob] },
        // As a repetition: requests do not say whether they are one.
        retry: true,
        expireMs: 8_000,
        order: undefined,
      },
    ]);
  });

  test("additions, removals and leaving carry what they say and answer where they stand", async () => {
    const world = new ReadingWorld();
    world.answers = [committedAt(group, 2n), committedAt(group, 3n), committedAt(group, 4n)];
    const { groups } = world.as(alice);
    const base = { requestId, conversationId: group };
    expect(await groups.addMembers({ ...base, accountIds: [bob, carol] })).toMatchObject({
      position: { seq: 2n },
    });
    expect(await groups.removeMember({ ...base, accountId: bob })).toMatchObject({ position: { seq: 3n } });
    expect(await groups.leaveGroup(base)).toMatchObject({ position: { seq: 4n } });
    expect(world.commands.map((command) => command.body)).toEqual([
      { kind: "addMembers", accountIds: [bob, carol] },
      { kind: "removeMember", accountId: bob },
      { kind: "leaveGroup" },
    ]);
  });

  test("what the owner of the conversation says no to leaves with its reason", async () => {
    const world = new ReadingWorld();
    const fault = new Fault(ErrorReason.ROLE_REQUIRED, "owners only", { metadata: { role: "owner" } });
    world.answers = [{ kind: "failed", fault }];
    const call = world.as(bob).groups.addMembers({ requestId, conversationId: group, accountIds: [carol] });
    expect(await reasonOf(call)).toBe("ROLE_REQUIRED");
  });

  test("ids of no group are refused before anything is appended", async () => {
    const world = new ReadingWorld();
    for (const [accountId, conversationId, reason] of [
      [alice, direct, "NOT_A_GROUP"],
      [carol, direct, "CONVERSATION_NOT_FOUND"],
      [alice, "x", "CONVERSATION_NOT_FOUND"],
    ] as const) {
      const { groups } = world.as(accountId);
      const base = { requestId, conversationId };
      expect(await reasonOf(groups.addMembers({ ...base, accountIds: [bob] }))).toBe(reason);
      expect(await reasonOf(groups.removeMember({ ...base, accountId: bob }))).toBe(reason);
      expect(await reasonOf(groups.leaveGroup(base))).toBe(reason);
      expect(await reasonOf(groups.listMembers({ conversationId }))).toBe(reason);
    }
    expect(world.commands).toEqual([]);
  });
});

describe("ListMembers", () => {
  test("lists those who are members now, by account id, with role and the entry that added them", async () => {
    const world = new ReadingWorld();
    await world.found(group, carol, bob);
    await world.add(group, carol, alice);
    await world.leave(group, bob);
    const { members, nextPageToken } = await world.as(alice).groups.listMembers({ conversationId: group });
    expect(members).toMatchObject([
      { accountId: alice, role: MemberRole.MEMBER, joinedSeq: 2n },
      { accountId: carol, role: MemberRole.OWNER, joinedSeq: 1n },
    ]);
    expect(nextPageToken).toBe("");
  });

  test("pages by account id", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob, carol);
    const { groups } = world.as(alice);
    const listed: string[] = [];
    let pageToken = "";
    do {
      const page = await groups.listMembers({ conversationId: group, pageSize: 1, pageToken });
      listed.push(...page.members.map((member) => member.accountId));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(listed).toEqual([alice, bob, carol]);
  });

  test("refuses the token of another group", async () => {
    const world = new ReadingWorld();
    const other = groupConversationId(alice, "2");
    await world.found(group, alice, bob, carol);
    await world.found(other, alice);
    const { groups } = world.as(alice);
    const { nextPageToken } = await groups.listMembers({ conversationId: group, pageSize: 1 });
    const astray = groups.listMembers({ conversationId: other, pageToken: nextPageToken });
    expect(await reasonOf(astray)).toBe("PAGE_TOKEN_INVALID");
  });

  test("tells one who left NOT_A_MEMBER and a stranger CONVERSATION_NOT_FOUND", async () => {
    const world = new ReadingWorld();
    await world.found(group, alice, bob);
    await world.leave(group, bob);
    const request = { conversationId: group };
    expect(await reasonOf(world.as(bob).groups.listMembers(request))).toBe("NOT_A_MEMBER");
    expect(await reasonOf(world.as(carol).groups.listMembers(request))).toBe("CONVERSATION_NOT_FOUND");
  });
});
