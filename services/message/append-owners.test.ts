import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { groupConversationId } from "./conversation-id.ts";
import {
  createGroup,
  direct,
  group,
  outcomeOf,
  scriptedLog,
  send,
  toGroup,
} from "./fixtures/append-cases.ts";
import { alice, bob, createAppendWorld, dave, moveUntil, text, uuid } from "./fixtures/append-world.ts";
import type { EntryLogStore } from "./ports.ts";

const seqsFor = (events: readonly { topic: string; seq: bigint }[], topic: string): bigint[] =>
  events.filter((event) => event.topic === topic).map((event) => event.seq);

describe("two owners of one conversation", () => {
  test("both append, neither loses or repeats a number, and each publishes everything in order", async () => {
    const world = await createAppendWorld();
    const [one, other] = [world.owner(), world.owner()];
    const first = [one.appender.append(send(100)), other.appender.append(send(200))];
    await moveUntil(world.clock, Promise.all(first));
    const sends = Array.from({ length: 20 }, (_, number) =>
      (number % 2 === 0 ? one : other).appender.append(send(number + 1)),
    );
    const seqs = (await moveUntil(world.clock, Promise.all(sends))).map(outcomeOf);
    expect(new Set(seqs).size).toBe(20);
    const log = await world.log(direct);
    expect(log.map((row) => row.seq)).toEqual(log.map((_, index) => BigInt(index + 1)));
    expect(log).toHaveLength(22);
    for (const { events } of [one, other]) {
      const published = seqsFor(events, `user/${bob}`);
      expect(published).toEqual(published.map((_, index) => BigInt(index + 1)));
    }
    await Promise.all([one.appender.stop(), other.appender.stop()]);
  });

  test("a stale owner learns of foreign entries by its first conflict: publishes them and finishes their effects", async () => {
    const world = await createAppendWorld();
    const [stale, rival] = [world.owner(), world.owner()];
    await stale.appender.append(createGroup);
    await rival.appender.append(toGroup(1, alice, { kind: "addMembers", accountIds: [dave] }));
    await rival.appender.append(toGroup(2, dave, text("hello")));
    stale.events.length = 0;
    const sent = await moveUntil(world.clock, stale.appender.append(toGroup(3, bob, text("hi"))));
    expect(outcomeOf(sent)).toBe(4n);
    expect(seqsFor(stale.events, `conv/${group}`)).toEqual([2n, 3n, 4n]);
    expect(stale.events.filter((event) => event.topic === `user/${dave}`)).toHaveLength(1);
    expect(await world.heads.read([group])).toMatchObject([{ headSeq: 4n, appliedSeq: 4n }]);
  });

  test("a stale owner does not reject one whom the other has added, and rejects one whom it has removed", async () => {
    const world = await createAppendWorld();
    const [stale, rival] = [world.owner(), world.owner()];
    await stale.appender.append(createGroup);
    await rival.appender.append(toGroup(1, alice, { kind: "addMembers", accountIds: [dave] }));
    expect(outcomeOf(await stale.appender.append(toGroup(2, dave, text("hi"))))).toBe(3n);
    const removal = await moveUntil(
      world.clock,
      rival.appender.append(toGroup(3, alice, { kind: "removeMember", accountId: bob })),
    );
    expect(outcomeOf(removal)).toBe(4n);
    const late = await moveUntil(world.clock, stale.appender.append(toGroup(4, bob, text("still here?"))));
    expect(outcomeOf(late)).toBe(ErrorReason.NOT_A_MEMBER);
  });

  test("a send that both were given is appended once, and both answer alike", async () => {
    const world = await createAppendWorld();
    const owners = [world.owner(), world.owner()];
    const copies = Promise.all(owners.map(({ appender }) => appender.append(send(1, { retry: true }))));
    await world.clock.advance(1_000);
    const [one, other] = await copies;
    expect(one).toEqual(other);
    expect(await world.log(direct)).toHaveLength(1);
  });

  test("a conflict in one conversation does not hold up the others of its batch", async () => {
    const world = await createAppendWorld();
    const entries = scriptedLog(world.entries, []);
    const stale = world.owner({ deps: { entries } });
    const otherGroup = groupConversationId(alice, uuid(50));
    await stale.appender.append(createGroup);
    await stale.appender.append({ ...createGroup, conversationId: otherGroup, clientMessageId: uuid(50) });
    await world.owner().appender.append(toGroup(1, bob, text("first")));
    entries.batches.length = 0;
    const sends = [
      stale.appender.append(toGroup(2, bob, text("second"))),
      stale.appender.append(toGroup(3, bob, text("third"))),
      stale.appender.append(toGroup(4, bob, text("elsewhere"), { conversationId: otherGroup })),
    ];
    const results = await moveUntil(world.clock, Promise.all(sends));
    expect(results.map(outcomeOf)).toEqual([3n, 4n, 2n]);
    // All three; that of the other conversation again at once; then the two that got new numbers.
    expect(entries.batches).toEqual([3, 1, 2]);
  });

  test("a conflicting entry that is not visible yet is looked for once more, then the insert is tried again", async () => {
    const world = await createAppendWorld();
    const stale = world.owner();
    await stale.appender.append(send(1));
    let hidden = 2;
    const readAfter: EntryLogStore["readAfter"] = async (...page) =>
      hidden-- > 0 ? [] : world.entries.readAfter(...page);
    const blind = world.owner({ deps: { entries: { ...world.entries, readAfter } } });
    await blind.appender.append(send(2));
    await moveUntil(world.clock, stale.appender.append(send(3)));
    const sent = await moveUntil(world.clock, blind.appender.append(send(4)));
    expect(outcomeOf(sent)).toBe(4n);
    expect(seqsFor(blind.events, `user/${bob}`)).toEqual([2n, 3n, 4n]);
  });
});
