import { describe, expect, test } from "vitest";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { createMemoryPersonalStore } from "../store/memory/personal.ts";
import { directConversationId } from "./conversation-id.ts";
import { alice, bob, carol, createAppendWorld } from "./fixtures/append-world.ts";
import { type Callers, callersOf, reasonOf } from "./fixtures/rpc-clients.ts";
import { notingOwnSends, OwnReads } from "./own-reads.ts";
import { messageRoutes } from "./routes.ts";

function content(text: string) {
  return { kind: { case: "text", value: { text } } } as const;
}

/** The services of the domain over one appender, as a node wires them. */
async function openDomain() {
  const world = await createAppendWorld();
  const { appender, events } = world.owner();
  const { clock, entries, heads, memberships, rng } = world;
  const personal = createMemoryPersonalStore();
  let version = 1n << 40n;
  const versions = { next: async () => (version += 1n) };
  const sink = { publish: (event: (typeof events)[number]) => void events.push(event) };
  const ownReads = new OwnReads({
    personal,
    versions,
    events: sink,
    clock,
    logger: silentLogger,
    metrics: silentMetrics,
  });
  const stores = { entries, heads, memberships, personal, effects: appender };
  const router = notingOwnSends(appender, ownReads);
  const routes = messageRoutes({ ...stores, ownReads, versions, events: sink, clock, router });
  return {
    clock,
    uuid: () => rng.uuid(),
    as: (accountId: string): Callers => callersOf(routes, accountId),
    async [Symbol.asyncDispose]() {
      await ownReads.stop();
      await appender.stop();
    },
  };
}

describe("the services of the message domain", () => {
  test("a message that was acknowledged is listed, and its conversation too", async () => {
    await using domain = await openDomain();
    const conversationId = directConversationId(alice, bob);
    const clientMessageId = domain.uuid();
    const request = { conversationId, clientMessageId, content: content("hello") };
    const sent = await domain.as(alice).messages.sendMessage(request);
    const { entries } = await domain.as(bob).messages.listEntries({ conversationId });
    expect(entries).toMatchObject([{ seq: 1n, senderId: alice, entryId: sent.entryId }]);
    expect(await domain.as(alice).messages.sendMessage(request)).toEqual(sent);
    const { conversations } = await domain.as(bob).conversations.listConversations({});
    expect(conversations).toMatchObject([{ conversationId, peerId: alice, unreadCount: 1n, readSeq: 0n }]);
    const own = await domain.as(alice).conversations.getConversation({ conversationId });
    expect(own.conversation).toMatchObject({ unreadCount: 0n, readSeq: 1n });
  });

  test("a group goes through its life: members come, leave, and see what is theirs", async () => {
    await using domain = await openDomain();
    const { groups, messages } = domain.as(alice);
    const made = await groups.createGroup({ requestId: domain.uuid(), name: "friends", memberIds: [bob] });
    const { conversationId } = made;
    await groups.addMembers({ requestId: domain.uuid(), conversationId, accountIds: [carol] });
    const message = { conversationId, clientMessageId: domain.uuid(), content: content("all") };
    await messages.sendMessage(message);
    await groups.removeMember({ requestId: domain.uuid(), conversationId, accountId: bob });
    await messages.sendMessage({ ...message, clientMessageId: domain.uuid() });
    const seqsOf = async (accountId: string): Promise<bigint[]> => {
      const page = await domain.as(accountId).messages.listEntries({ conversationId });
      return page.entries.map((entry) => entry.seq);
    };
    expect(await seqsOf(alice)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(await seqsOf(bob)).toEqual([1n, 2n, 3n, 4n]);
    expect(await seqsOf(carol)).toEqual([2n, 3n, 4n, 5n]);
    const { members } = await groups.listMembers({ conversationId });
    expect(members.map((member) => member.accountId)).toEqual([alice, carol]);
    await groups.leaveGroup({ requestId: domain.uuid(), conversationId });
    const inherited = await domain.as(carol).conversations.getConversation({ conversationId });
    expect(inherited.conversation).toMatchObject({ name: "friends", member: true, head: { seq: 6n } });
    // Messages were two; that others left is nothing to read.
    expect(inherited.conversation).toMatchObject({ unreadCount: 2n, messageOrdinal: 2n });
    const request = { requestId: domain.uuid(), conversationId, accountIds: [bob] };
    expect(await reasonOf(domain.as(alice).groups.addMembers(request))).toBe("NOT_A_MEMBER");
    expect(await reasonOf(domain.as(carol).groups.addMembers(request))).toBe("OK");
  });

  test("a change of a group that is repeated answers as at first, and one with other words conflicts", async () => {
    await using domain = await openDomain();
    const { groups } = domain.as(alice);
    const request = { requestId: domain.uuid(), name: "friends", memberIds: [bob] };
    const made = await groups.createGroup(request);
    expect(await groups.createGroup({ ...request, requestId: request.requestId.toUpperCase() })).toEqual(
      made,
    );
    const other = groups.createGroup({ ...request, name: "others" });
    expect(await reasonOf(other)).toBe("REQUEST_ID_CONFLICT");
  });
});
