import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { conversationTopic, userTopic } from "../mesh/router.ts";
import {
  createGroup,
  direct,
  group,
  outcomeOf,
  refusedOutcome,
  scriptedLog,
  send,
  toGroup,
  unknownOutcome,
} from "./fixtures/append-cases.ts";
import { alice, bob, carol, createAppendWorld, dave, text } from "./fixtures/append-world.ts";
import type { AppendOutcome, EntryLogStore } from "./ports.ts";

const away = new Fault(ErrorReason.STORE_UNAVAILABLE, "the store is away", { retryDelayMs: 1_000 });

const ordered = (n: number, sendEpoch = 1) => ({ order: { stream: "s", sendEpoch, n } });

describe("an appender whose store fails", () => {
  test("tells that nothing was written when the store refused, and uses the number again", async () => {
    const world = await createAppendWorld();
    const { appender, events } = world.owner({
      deps: { entries: scriptedLog(world.entries, [async () => refusedOutcome]) },
    });
    const refused = await appender.append(send(1));
    expect(refused).toMatchObject({ fault: { reason: ErrorReason.STORE_UNAVAILABLE, retryDelayMs: 1_000 } });
    expect(events).toEqual([]);
    expect(outcomeOf(await appender.append(send(2)))).toBe(1n);
    expect(outcomeOf(await appender.append(send(1, { retry: true })))).toBe(2n);
  });

  test("finds out what an unknown batch came to: all, a prefix, or nothing of it", async () => {
    const outcomes = [
      async (append: () => Promise<AppendOutcome>) => (await append(), unknownOutcome),
      async () => unknownOutcome,
    ];
    for (const outcome of outcomes) {
      const world = await createAppendWorld();
      const { appender, events } = world.owner({ deps: { entries: scriptedLog(world.entries, [outcome]) } });
      const results = await Promise.all([1, 2, 3].map((number) => appender.append(send(number))));
      expect(results.map(outcomeOf)).toEqual([1n, 2n, 3n]);
      expect(events.filter((event) => event.topic.endsWith(bob)).map((event) => event.seq)).toEqual([
        1n,
        2n,
        3n,
      ]);
      expect(await world.heads.read([direct])).toMatchObject([{ headSeq: 3n, appliedSeq: 3n }]);
    }
  });

  test("is not misled by a batch that is written after its read-back", async () => {
    const world = await createAppendWorld();
    let commitLate = (): Promise<unknown> => Promise.reject(new Error("nothing is late"));
    const entries = scriptedLog(world.entries, [
      async (append) => ((commitLate = append), unknownOutcome),
      // The first try commits just before the second one is inserted.
      async (append) => (await commitLate(), append()),
    ]);
    const { appender, events } = world.owner({ deps: { entries } });
    const pending = Promise.all([appender.append(send(1)), appender.append(send(2))]);
    await world.clock.advance(1_000);
    expect((await pending).map(outcomeOf)).toEqual([1n, 2n]);
    expect(await world.log(direct)).toHaveLength(2);
    expect(events.filter((event) => event.topic.endsWith(bob)).map((event) => event.seq)).toEqual([1n, 2n]);
  });

  test("never rejects what an unknown batch may have written", async () => {
    const world = await createAppendWorld();
    const rival = world.owner().appender;
    await rival.append(createGroup);
    const entries = scriptedLog(world.entries, [
      // While the answer is on its way, another owner removes the sender.
      async () => (
        await rival.append(toGroup(8, alice, { kind: "removeMember", accountId: bob })), unknownOutcome
      ),
    ]);
    const { appender } = world.owner({ deps: { entries } });
    expect(outcomeOf(await appender.append(toGroup(1, bob, text("hi"))))).toBe(ErrorReason.OUTCOME_UNKNOWN);
    const again = await appender.append(toGroup(1, bob, text("hi"), { retry: true }));
    expect(outcomeOf(again)).toBe(ErrorReason.NOT_A_MEMBER);
  });

  test("tells at the deadline that the outcome is unknown when the store stays silent, and refuses what waits", async () => {
    const world = await createAppendWorld();
    let answer: (outcome: AppendOutcome) => void = () => undefined;
    const silent = new Promise<AppendOutcome>((resolve) => (answer = resolve));
    const { appender, events } = world.owner({
      deps: { entries: scriptedLog(world.entries, [() => silent]) },
    });
    const given = appender.append(send(1, { expireMs: 3_000 }));
    await world.clock.settle();
    const waiting = appender.append(send(2, { expireMs: 3_000 }));
    await world.clock.advance(2_500);
    expect((await Promise.all([given, waiting])).map(outcomeOf)).toEqual([
      ErrorReason.OUTCOME_UNKNOWN,
      ErrorReason.OVERLOADED,
    ]);
    expect(events).toEqual([]);
    answer(unknownOutcome);
    await world.clock.advance(1_000);
    expect(outcomeOf(await appender.append(send(3)))).toBe(1n);
    await appender.stop();
    expect(world.clock.pendingTimers).toBe(0);
  });

  test("refuses while a conversation cannot be loaded, and loads it when the store is back", async () => {
    const world = await createAppendWorld();
    let isAway = true;
    const readLast: EntryLogStore["readLast"] = (ids) =>
      isAway ? Promise.reject(away) : world.entries.readLast(ids);
    const { appender } = world.owner({ deps: { entries: { ...world.entries, readLast } } });
    expect(outcomeOf(await appender.append(send(1)))).toBe(ErrorReason.STORE_UNAVAILABLE);
    isAway = false;
    expect(outcomeOf(await appender.append(send(1)))).toBe(1n);
  });

  test("refuses when accounts cannot be read, though what needs no account goes on", async () => {
    const world = await createAppendWorld();
    await world.owner().appender.append(createGroup);
    const { appender } = world.owner({ deps: { accounts: { existing: () => Promise.reject(away) } } });
    const results = await Promise.all([
      appender.append(send(1)),
      appender.append(toGroup(1, bob, text("hi"))),
    ]);
    expect(results.map(outcomeOf)).toEqual([ErrorReason.STORE_UNAVAILABLE, 2n]);
  });

  test("tries effects again, and tells an unknown outcome when they cannot be finished; then it repairs them", async () => {
    const world = await createAppendWorld();
    let isAway = true;
    const apply: typeof world.memberships.apply = (rows) =>
      isAway ? Promise.reject(away) : world.memberships.apply(rows);
    const { appender, events } = world.owner({ deps: { memberships: { ...world.memberships, apply } } });
    const pending = appender.append(createGroup);
    await world.clock.advance(1_000);
    expect(outcomeOf(await pending)).toBe(ErrorReason.OUTCOME_UNKNOWN);
    // It is committed and was published all the same; only its members are told once they are members for everybody.
    expect(events.map((event) => event.topic)).toEqual([conversationTopic(group)]);
    const again = appender.append({ ...createGroup, retry: true });
    isAway = false;
    await world.clock.advance(3_000);
    expect(outcomeOf(await again)).toBe(1n);
    expect(await world.memberships.ofConversation(group)).toHaveLength(3);
    expect(events.slice(1).map((event) => event.topic)).toEqual([alice, bob, carol].map(userTopic));
    expect(await world.heads.read([group])).toMatchObject([{ appliedSeq: 1n }]);
  });

  test("settles effects that an owner which died left behind, and heads that lag", async () => {
    const world = await createAppendWorld();
    const dying = world.owner({
      deps: {
        memberships: { ...world.memberships, apply: () => Promise.reject(away) },
        heads: { ...world.heads, raise: () => Promise.reject(away) },
      },
    });
    const unanswered = [dying.appender.append(createGroup), dying.appender.append(send(1))];
    await world.clock.advance(500);
    await dying.appender.stop();
    await Promise.all(unanswered);
    expect(await world.heads.read([group, direct])).toEqual([]);
    const { appender } = world.owner();
    await appender.settle([group, direct, group, "g-none"]);
    const heads = await world.heads.read([group, direct]);
    expect(heads.map((row) => [row.headSeq, row.appliedSeq, row.messageOrdinal])).toEqual([
      [1n, 1n, 0n],
      [1n, 1n, 1n],
    ]);
    expect(await world.memberships.ofConversation(group)).toHaveLength(3);
  });

  test("keeps the order of a stream: what follows a refused send is not taken until it is given out again", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner({
      deps: { entries: scriptedLog(world.entries, [async () => refusedOutcome]) },
    });
    const first = appender.append(send(1, ordered(1)));
    await world.clock.settle();
    const later = await appender.append(send(2, ordered(2)));
    expect(outcomeOf(await first)).toBe(ErrorReason.STORE_UNAVAILABLE);
    expect(outcomeOf(later)).toBe("moved");
    const again = [send(1, { retry: true, ...ordered(1, 2) }), send(2, { retry: true, ...ordered(2, 2) })];
    const results = await Promise.all(again.map((one) => appender.append(one)));
    expect(results.map(outcomeOf)).toEqual([1n, 2n]);
  });

  test("takes a stream's send only after the one before it", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner();
    expect(outcomeOf(await appender.append(send(2, ordered(2))))).toBe("moved");
    const sends = [send(1, ordered(1)), send(2, ordered(2)), send(3, ordered(3))];
    const results = await Promise.all(sends.map((one) => appender.append(one)));
    expect(results.map(outcomeOf)).toEqual([1n, 2n, 3n]);
  });

  test("goes on in a stream after a rejection, which holds for ever however late it is heard", async () => {
    const world = await createAppendWorld();
    const { appender } = world.owner();
    await appender.append(createGroup);
    const early = (place: Parameters<typeof ordered>, retry = false) =>
      toGroup(1, dave, text("let me in"), { retry, ...ordered(...place) });
    const results = await Promise.all([
      appender.append(early([1])),
      appender.append(toGroup(2, dave, text("x".repeat(70_000)), ordered(2))),
    ]);
    expect(results.map(outcomeOf)).toEqual([
      ErrorReason.CONVERSATION_NOT_FOUND,
      ErrorReason.CONTENT_TOO_LARGE,
    ]);
    await appender.append(toGroup(3, alice, { kind: "addMembers", accountIds: [dave] }));
    expect(outcomeOf(await appender.append(toGroup(4, dave, text("here I am"), ordered(3))))).toBe(3n);
    // Dave's device did not hear of the rejection; accepted now, what it sent first would stand last.
    expect(outcomeOf(await appender.append(early([1, 2], true)))).toBe(ErrorReason.CONVERSATION_NOT_FOUND);
  });

  test("rejects a repeated send for ever: its id is taken by a void row that no later right undoes", async () => {
    const world = await createAppendWorld();
    const { appender, events } = world.owner();
    await appender.append(createGroup);
    const early = toGroup(1, dave, text("let me in"), { retry: true });
    expect(outcomeOf(await appender.append(early))).toBe(ErrorReason.CONVERSATION_NOT_FOUND);
    await appender.append(toGroup(2, alice, { kind: "addMembers", accountIds: [dave] }));
    const answers = [await appender.append(early), await world.owner().appender.append(early)];
    expect(answers.map(outcomeOf)).toEqual([
      ErrorReason.CONVERSATION_NOT_FOUND,
      ErrorReason.CONVERSATION_NOT_FOUND,
    ]);
    expect(outcomeOf(await appender.append(toGroup(3, dave, text("thanks"))))).toBe(3n);
    expect(events.filter((event) => event.seq <= 0n)).toEqual([]);
    expect((await world.log(group)).map((row) => row.senderId)).toEqual([alice, alice, dave]);
    expect((await world.memberships.ofConversation(group)).map((row) => row.accountId)).toEqual([
      alice,
      bob,
      carol,
      dave,
    ]);
  });

  test("a bug of one command ends that command alone", async () => {
    const world = await createAppendWorld();
    const parts = {
      nextStep: () => {
        throw new Error("planted");
      },
    };
    const broken = world.owner({ parts }).appender;
    await expect(broken.append(send(1))).rejects.toThrow("planted");
    await broken.stop();
  });
});
