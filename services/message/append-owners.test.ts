import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Appender } from "./appender.ts";
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
import {
  type AppendWorld,
  alice,
  bob,
  createAppendWorld,
  dave,
  moveUntil,
  text,
  uuid,
} from "./fixtures/append-world.ts";
import type { EntryLogStore } from "./ports.ts";
import { isVoid } from "./void-row.ts";

const seqsFor = (events: readonly { topic: string; seq: bigint }[], topic: string): bigint[] =>
  events.filter((event) => event.topic === topic).map((event) => event.seq);

/**
 * An owner that loaded a conversation before a rival appended to it, which it will learn by a conflict of its next batch:
 * in the direct conversation a message, in the group that bob was removed.
 */
async function staleOwner(world: AppendWorld, conversationId: string): Promise<Appender> {
  const { appender: stale } = world.owner();
  const { appender: rival } = world.owner();
  if (conversationId === direct) {
    await stale.append(send(100));
    await rival.append(send(200));
  } else {
    await stale.append(createGroup);
    await rival.append(toGroup(100, alice, { kind: "removeMember", accountId: bob }));
  }
  return stale;
}

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

  test("one that is always slower waits before it reads, not after it, and so gets its turn at once", async () => {
    const world = await createAppendWorld();
    const batches: string[] = [];
    const append: EntryLogStore["append"] = async (rows) => {
      const outcome = await world.entries.append(rows);
      batches.push(outcome.kind);
      return outcome;
    };
    const { appender: slower } = world.owner({
      deps: { entries: { ...world.entries, append }, conflictRank: () => 9 },
    });
    const { appender: rival } = world.owner();
    await slower.append(send(100));
    for (let sent = 200; sent < 260; sent += 1) {
      world.clock.after((sent - 199) * 5, () => void rival.append(send(sent)));
    }
    await rival.append(send(199));
    await world.clock.advance(1);
    for (const sent of [101, 102, 103]) {
      await moveUntil(world.clock, slower.append(send(sent)));
      await world.clock.advance(10);
    }
    const conflicts = batches.filter((kind) => kind === "duplicate").length;
    expect([conflicts, batches.length]).toEqual([3, 7]);
    await Promise.all([slower.stop(), rival.stop()]);
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

  test("a send that comes again while its first copy is withdrawn is moved with it, and so is what follows it", async () => {
    const world = await createAppendWorld();
    const stale = await staleOwner(world, direct);
    const at = (sendEpoch: number, n: number) => ({
      retry: sendEpoch > 1,
      order: { stream: "s", sendEpoch, n },
    });
    const copies = [send(1, at(1, 1)), send(1, at(2, 1)), send(2, at(2, 2))].map((copy) =>
      stale.append(copy),
    );
    const results = await moveUntil(world.clock, Promise.all(copies));
    // The first copy belongs to a send epoch that is over; without the first send the second must not be appended.
    expect(results.map(outcomeOf)).toEqual(["moved", "moved", "moved"]);
    const again = [stale.append(send(1, at(3, 1))), stale.append(send(2, at(3, 2)))];
    expect((await moveUntil(world.clock, Promise.all(again))).map(outcomeOf)).toEqual([3n, 4n]);
  });

  test("a rejection takes the id for good when a copy on the way to the same answer was given out before", async () => {
    const world = await createAppendWorld();
    const stale = await staleOwner(world, group);
    const removed = toGroup(1, bob, text("still here?"));
    const copies = [removed, { ...removed, retry: true }].map((copy) => stale.append(copy));
    const results = await moveUntil(world.clock, Promise.all(copies));
    expect(results.map(outcomeOf)).toEqual([ErrorReason.NOT_A_MEMBER, ErrorReason.NOT_A_MEMBER]);
    const taken = await world.entries.readByClientIds(group, [{ senderId: bob, clientMessageId: uuid(1) }]);
    expect(taken.map(isVoid)).toEqual([true]);
  });

  test("after two conflicts in a row the owner that is later in rendezvous order waits longer", async () => {
    for (const [rank, waitMs] of [
      [undefined, 9],
      [0, 9],
      [1, 18],
      [4, 45],
    ] as const) {
      const world = await createAppendWorld();
      const conflictRank =
        rank === undefined ? {} : { conflictRank: (id: string) => (id === group ? rank : 99) };
      const rng = { ...world.rng, fraction: () => 0.9 };
      const rival = world.owner();
      await rival.appender.append(createGroup);
      let ahead = 0;
      const append: EntryLogStore["append"] = async (rows) => {
        ahead += 1;
        if (ahead <= 2) await rival.appender.append(toGroup(ahead, bob, text("ahead")));
        return world.entries.append(rows);
      };
      const entries = { ...world.entries, append };
      const stale = world.owner({ deps: { rng, entries, ...conflictRank } });
      const sent = stale.appender.append(toGroup(10, bob, text("behind")));
      await world.clock.advance(waitMs - 1);
      expect(await world.log(group)).toHaveLength(3);
      await world.clock.advance(1);
      expect(outcomeOf(await sent)).toBe(4n);
    }
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
