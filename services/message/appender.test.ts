import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { conversationTopic, userTopic } from "../mesh/router.ts";
import { directConversationId } from "./conversation-id.ts";
import { entryOfRow } from "./entry-row.ts";
import {
  createGroup,
  direct,
  group,
  outcomeOf,
  scriptedLog,
  send,
  toGroup,
} from "./fixtures/append-cases.ts";
import { alice, bob, carol, command, createAppendWorld, dave, text, uuid } from "./fixtures/append-world.ts";

describe("an appender", () => {
  test("numbers messages from 1, tells both accounts in order, and leaves a heads row", async () => {
    const world = await createAppendWorld();
    const { appender, events } = world.owner();
    const results = await Promise.all([send(1), send(2), send(3)].map((one) => appender.append(one)));
    expect(results.map(outcomeOf)).toEqual([1n, 2n, 3n]);
    const told = events.map(({ topic, seq, membership }) => [topic, seq, membership]);
    const both = (seq: bigint) => [userTopic(alice), userTopic(bob)].map((topic) => [topic, seq, false]);
    expect(told).toEqual([...both(1n), ...both(2n), ...both(3n)]);
    expect(await world.heads.read([direct])).toMatchObject([
      { headSeq: 3n, messageOrdinal: 3n, appliedSeq: 3n, memberLow: alice, memberHigh: bob },
    ]);
    await appender.stop();
    expect(world.clock.pendingTimers).toBe(0);
  });

  test("stores the entry with everything that the contract names, and publishes the very same bytes", async () => {
    const world = await createAppendWorld();
    const { appender, events } = world.owner();
    const result = await appender.append(send(1));
    const [row] = await world.log(direct);
    if (row === undefined || result.kind !== "committed") throw new Error("nothing was appended");
    expect(entryOfRow(row)).toMatchObject({
      conversationId: direct,
      epoch: 1n,
      seq: 1n,
      messageOrdinal: 1n,
      entryId: result.committed.entryId,
      senderId: alice,
      senderDeviceId: "phone",
      clientMessageId: uuid(1),
      body: { case: "message", value: { kind: { case: "text", value: { text: "message 1" } } } },
    });
    expect(Number(entryOfRow(row).createTime?.seconds)).toBe(
      Math.floor(result.committed.createTimeMs / 1_000),
    );
    expect(result.committed.entryId).toMatch(/^[0-9a-z]{13}$/);
    expect(events[0]?.bytes).toBe(row.bytes);
  });

  test("creates a group whose members are told on their own topics, and keeps its rows up to date", async () => {
    const world = await createAppendWorld();
    const { appender, events, signals } = world.owner();
    expect(outcomeOf(await appender.append(createGroup))).toBe(1n);
    expect(signals).toEqual([alice, bob, carol].map(userTopic));
    expect(events.map((event) => [event.topic, event.membership])).toEqual(
      [conversationTopic(group), ...[alice, bob, carol].map(userTopic)].map((topic) => [topic, true]),
    );
    expect(await world.memberships.readGroups([group])).toMatchObject([{ name: "Friends" }]);
    const rows = await world.memberships.ofConversation(group);
    expect(rows.map((row) => [row.accountId, row.role])).toEqual([
      [alice, "owner"],
      [bob, "member"],
      [carol, "member"],
    ]);
    expect(new Set(rows.map((row) => row.version)).size).toBe(3);
  });

  test("lets members come and go, tells those concerned, and counts messages only", async () => {
    const world = await createAppendWorld();
    const { appender, events } = world.owner();
    await appender.append(createGroup);
    events.length = 0;
    const results = await Promise.all([
      appender.append(toGroup(1, dave, text("too early"))),
      appender.append(toGroup(2, alice, { kind: "addMembers", accountIds: [bob, dave] })),
      appender.append(toGroup(3, dave, text("hello"))),
      appender.append(toGroup(4, alice, { kind: "removeMember", accountId: carol })),
      appender.append(toGroup(5, carol, text("too late"))),
      appender.append(toGroup(6, alice, { kind: "leaveGroup" })),
      appender.append(toGroup(7, bob, { kind: "removeMember", accountId: dave })),
    ]);
    // Each was judged by the entries before it, though all came in one turn.
    const { CONVERSATION_NOT_FOUND, NOT_A_MEMBER } = ErrorReason;
    expect(results.map(outcomeOf)).toEqual([CONVERSATION_NOT_FOUND, 2n, 3n, 4n, NOT_A_MEMBER, 5n, 6n]);
    const own = events.filter((event) => event.topic.startsWith("user/"));
    expect(own.map(({ topic, seq }) => [topic, seq])).toEqual([
      [userTopic(dave), 2n],
      [userTopic(carol), 4n],
      [userTopic(alice), 5n],
      [userTopic(dave), 6n],
    ]);
    const rows = await world.memberships.ofConversation(group);
    expect(rows.map((row) => [row.role, row.intervals.at(-1)?.to])).toEqual([
      ["member", 5n],
      ["owner", undefined],
      ["member", 4n],
      ["member", 6n],
    ]);
    expect(await world.heads.read([group])).toMatchObject([
      { headSeq: 6n, messageOrdinal: 1n, appliedSeq: 6n },
    ]);
  });

  test("answers a repetition as the first time: in flight, from memory, and from the store", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner({ options: { recentIdsMax: 1 } });
    const [first, follower] = await Promise.all([appender.append(send(1)), appender.append(send(1))]);
    expect(follower).toEqual(first);
    expect(await appender.append(send(1))).toEqual(first);
    await Promise.all([appender.append(send(2)), appender.append(send(3))]);
    expect(await appender.append(send(1, { retry: true }))).toEqual(first);
    expect(await world.log(direct)).toHaveLength(3);
    await appender.stop();
  });

  test("answers the same id with other content as a conflict, wherever the first one stands", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner({ options: { recentIdsMax: 1 } });
    const other = send(1, { body: text("something else") });
    const together = await Promise.all([appender.append(send(1)), appender.append(other)]);
    expect(together.map(outcomeOf)).toEqual([1n, ErrorReason.CLIENT_MESSAGE_ID_CONFLICT]);
    await Promise.all([appender.append(send(2)), appender.append(send(3))]);
    const late = await appender.append(other);
    expect(late).toMatchObject({
      fault: { reason: ErrorReason.CLIENT_MESSAGE_ID_CONFLICT, metadata: { seq: "1" } },
    });
    await appender.append(createGroup);
    const otherGroup = {
      ...createGroup,
      body: { kind: "createGroup", name: "Foes", memberIds: [bob] },
    } as const;
    expect(outcomeOf(await appender.append(otherGroup))).toBe(ErrorReason.REQUEST_ID_CONFLICT);
  });

  test("knows after a restart what the log knows: numbers, members and client ids", async () => {
    const world = await createAppendWorld();
    const before = world.owner().appender;
    const first = await before.append(send(1));
    await before.append(createGroup);
    await before.append(toGroup(1, alice, { kind: "removeMember", accountId: carol }));
    await before.stop();
    const { appender } = world.owner();
    expect(await appender.append(send(1, { retry: true }))).toEqual(first);
    expect(outcomeOf(await appender.append(send(2)))).toBe(2n);
    expect(outcomeOf(await appender.append(toGroup(2, carol, text("hi"))))).toBe(ErrorReason.NOT_A_MEMBER);
    expect(outcomeOf(await appender.append(toGroup(3, bob, text("hi"))))).toBe(3n);
    await appender.stop();
  });

  test("commits what arrives together in one batch, within its bounds, and many conversations side by side", async () => {
    const world = await createAppendWorld();
    const entries = scriptedLog(world.entries, []);
    const { appender } = world.owner({
      deps: { entries },
      options: { batchEntriesMax: 4, batchBytesMax: 700 },
    });
    await Promise.all(Array.from({ length: 10 }, (_, number) => appender.append(send(number + 1))));
    expect(Math.max(...entries.batches)).toBeLessThanOrEqual(4);
    expect(entries.batches.length).toBeLessThanOrEqual(5);
    entries.batches.length = 0;
    const large = text("x".repeat(600));
    const results = await Promise.all(
      [21, 22, 23].map((number) => appender.append(send(number, { body: large }))),
    );
    expect(results.map(outcomeOf)).toEqual([11n, 12n, 13n]);
    expect(entries.batches).toEqual([1, 1, 1]);
  });

  test("reads accounts once for all commands that wait", async () => {
    const world = await createAppendWorld();
    const asked: (readonly string[])[] = [];
    const accounts = {
      existing: async (ids: readonly string[]) => {
        asked.push(ids);
        return new Set(ids.filter((id) => world.accounts.has(id)));
      },
    };
    const { appender } = world.owner({ deps: { accounts } });
    const toCarol = directConversationId(alice, carol);
    await Promise.all([
      appender.append(send(1)),
      appender.append(send(2)),
      appender.append(send(3, { conversationId: toCarol })),
    ]);
    expect(asked).toEqual([[bob, carol]]);
    world.accounts.delete(bob);
    const refused = await appender.append(send(4));
    expect(refused).toMatchObject({
      fault: { reason: ErrorReason.ACCOUNT_NOT_FOUND, metadata: { account_id: bob } },
    });
    // What was committed while the account was there stays the answer for its id.
    expect(outcomeOf(await appender.append(send(1, { retry: true })))).toBe(1n);
  });

  test("answers ids that no conversation of the sender can have without looking anywhere", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner({ deps: { entries: scriptedLog(world.entries, []) } });
    const hidden = [direct, "nonsense", `d-${bob}-${alice}`].map((conversationId) =>
      appender.append(send(1, { conversationId, senderId: conversationId === direct ? carol : alice })),
    );
    for (const result of await Promise.all(hidden)) {
      expect(outcomeOf(result)).toBe(ErrorReason.CONVERSATION_NOT_FOUND);
    }
    const misnamed = command({ ...createGroup, clientMessageId: uuid(9) });
    expect(outcomeOf(await appender.append(misnamed))).toBe(ErrorReason.CONVERSATION_NOT_FOUND);
  });

  test("counts the groups of those who are to join", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner({ options: { conversationsPerAccountMax: 0 } });
    expect(outcomeOf(await appender.append(createGroup))).toBe(ErrorReason.CONVERSATION_LIMIT);
    expect(await world.log(group)).toEqual([]);
  });

  test("publishes at the commit, then raises heads, writes members and tells them, then answers", async () => {
    const world = await createAppendWorld();
    const steps: string[] = [];
    const { appender } = world.owner({
      onEvent: (event) => steps.push(`event ${event.topic.slice(0, 4)}`),
      deps: {
        heads: {
          ...world.heads,
          raise: async (rows) => (steps.push(`applied ${rows[0]?.appliedSeq}`), world.heads.raise(rows)),
        },
        memberships: {
          ...world.memberships,
          apply: async (rows) => (steps.push("members"), world.memberships.apply(rows)),
        },
      },
    });
    await appender.append(createGroup);
    steps.push("answer");
    const members = ["members", "event user", "event user", "event user"];
    expect(steps).toEqual(["event conv", "applied 0", ...members, "applied 1", "answer"]);
  });
});
