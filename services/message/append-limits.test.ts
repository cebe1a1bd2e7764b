import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { appendDefaults, assertAppendOptions } from "./append-options.ts";
import { directConversationId } from "./conversation-id.ts";
import { createSlot } from "./conversation-slot.ts";
import { createConversationTable } from "./conversation-table.ts";
import { direct, outcomeOf, scriptedLog, send } from "./fixtures/append-cases.ts";
import { accountId, alice, bob, carol, createAppendWorld } from "./fixtures/append-world.ts";
import type { AppendOutcome } from "./ports.ts";

const toCarol = directConversationId(alice, carol);

/** A log that answers its first append only when told. */
async function heldWorld() {
  const world = await createAppendWorld();
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const hold = async (append: () => Promise<AppendOutcome>): Promise<AppendOutcome> => (await held, append());
  return { world, release, entries: scriptedLog(world.entries, [hold]) };
}

describe("the limits of an appender", () => {
  test("a conversation has so many waiting commands, and others are not concerned", async () => {
    const { world, release, entries } = await heldWorld();
    const { appender } = world.owner({ deps: { entries }, options: { waitingPerConversationMax: 2 } });
    const taken = [appender.append(send(1)), appender.append(send(2))];
    const over = await appender.append(send(3));
    expect(over).toMatchObject({
      fault: {
        reason: ErrorReason.OVERLOADED,
        metadata: { limit: "waiting_commands_per_conversation" },
        retryDelayMs: 1_000,
      },
    });
    const other = appender.append(send(4, { conversationId: toCarol }));
    release();
    expect((await Promise.all([...taken, other])).map(outcomeOf)).toEqual([1n, 2n, 1n]);
    expect(outcomeOf(await appender.append(send(3)))).toBe(3n);
  });

  test("a node has so many waiting commands", async () => {
    const { world, release, entries } = await heldWorld();
    const options = { waitingCommandsMax: 2, waitingPerConversationMax: 2 };
    const { appender } = world.owner({ deps: { entries }, options });
    const taken = [appender.append(send(1)), appender.append(send(2, { conversationId: toCarol }))];
    expect(await appender.append(send(3))).toMatchObject({
      fault: { metadata: { limit: "waiting_commands" } },
    });
    release();
    expect((await Promise.all(taken)).map(outcomeOf)).toEqual([1n, 1n]);
  });

  test("conversations in memory give way to others when they are idle, and refuse others when they are busy", async () => {
    const { world, release, entries } = await heldWorld();
    const { appender } = world.owner({ deps: { entries }, options: { loadedConversationsMax: 1 } });
    const busy = appender.append(send(1));
    await world.clock.settle();
    const over = await appender.append(send(2, { conversationId: toCarol }));
    expect(over).toMatchObject({ fault: { metadata: { limit: "loaded_conversations" } } });
    release();
    await busy;
    expect(outcomeOf(await appender.append(send(2, { conversationId: toCarol })))).toBe(1n);
    expect(outcomeOf(await appender.append(send(3)))).toBe(2n);
  });

  test("a command that arrives past its deadline is refused, and so is one whose turn comes too late", async () => {
    const { world, release, entries } = await heldWorld();
    const { appender } = world.owner({ deps: { entries } });
    expect(outcomeOf(await appender.append(send(1, { expireMs: 1_000 })))).toBe(ErrorReason.OVERLOADED);
    const first = appender.append(send(2));
    await world.clock.settle();
    const late = appender.append(send(3, { expireMs: 1_100 }));
    await world.clock.advance(150);
    release();
    await first;
    expect(await late).toMatchObject({
      fault: { reason: ErrorReason.OVERLOADED, metadata: { limit: "deadline" } },
    });
    expect(await world.log(direct)).toHaveLength(1);
  });

  test("a draining appender finishes what it has and refuses the rest; a stopped one answers at once", async () => {
    const { world, release, entries } = await heldWorld();
    const { appender } = world.owner({ deps: { entries } });
    const held = appender.append(send(1));
    await world.clock.settle();
    const drained = appender.drain();
    expect(outcomeOf(await appender.append(send(2)))).toBe(ErrorReason.DRAINING);
    release();
    expect(outcomeOf(await held)).toBe(1n);
    await world.clock.advance(appendDefaults.expirySweepMs);
    await drained;
    await appender.stop();
    await appender.stop();

    const second = await heldWorld();
    const stopping = second.world.owner({ deps: { entries: second.entries } }).appender;
    const given = stopping.append(send(1));
    await second.world.clock.settle();
    const waiting = stopping.append(send(2));
    const stopped = stopping.stop();
    expect((await Promise.all([given, waiting])).map(outcomeOf)).toEqual([
      ErrorReason.OUTCOME_UNKNOWN,
      ErrorReason.DRAINING,
    ]);
    second.release();
    await stopped;
    expect(second.world.clock.pendingTimers).toBe(0);
  });

  test("options that contradict one another are refused at the start", () => {
    expect(() => assertAppendOptions(appendDefaults)).not.toThrow();
    expect(() => assertAppendOptions({ ...appendDefaults, lanes: 0 })).toThrow(RangeError);
    expect(() => assertAppendOptions({ ...appendDefaults, batchEntriesMax: 501 })).toThrow("500");
    expect(() => assertAppendOptions({ ...appendDefaults, waitingCommandsMax: 1 })).toThrow("waiting");
  });

  test("lanes run side by side, each conversation in one of them", async () => {
    const { world, release, entries } = await heldWorld();
    const { appender } = world.owner({ deps: { entries }, options: { lanes: 8 } });
    for (let number = 10; number < 40; number += 1) world.accounts.add(accountId(number));
    const held = appender.append(send(1));
    await world.clock.settle();
    const others = Array.from({ length: 30 }, (_, index) =>
      appender.append(send(2, { conversationId: directConversationId(alice, accountId(index + 10)) })),
    );
    const results = others.map((sent) => sent.then(outcomeOf));
    await world.clock.settle();
    const early = await Promise.all(results.map((sent) => Promise.race([sent, Promise.resolve("waits")])));
    expect(early.filter((one) => one === 1n).length).toBeGreaterThan(15);
    release();
    expect(await held.then(outcomeOf)).toBe(1n);
    expect(new Set(await Promise.all(results))).toEqual(new Set([1n]));
  });
});

describe("the table of conversations", () => {
  test("lets the idle one unused for longest go, by count and by members", () => {
    const table = createConversationTable({
      loadedConversationsMax: 2,
      loadedMembersMax: 3,
      recentIdsMax: 1,
    });
    const ids = [1, 2, 3].map((number) => directConversationId(alice, accountId(number + 10)));
    const [first, second, third] = ids.map((id) => () => table.obtain(id));
    const one = first?.();
    second?.();
    expect(first?.()).toBe(one);
    third?.();
    expect(table.size).toBe(2);
    expect(first?.()).toBe(one);
    if (one !== undefined) {
      const facts = { intervals: [], role: "member", seenSeq: 1n } as const;
      const members = new Map([alice, bob, carol, accountId(9)].map((id) => [id, facts]));
      one.committed = { ...one.committed, members };
    }
    expect(first?.()?.weight).toBe(4);
    expect(table.size).toBe(1);
    third?.();
    expect(table.members).toBe(0);
    expect(createSlot(direct, 1).phase).toBe("unloaded");
  });
});
