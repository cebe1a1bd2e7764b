import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { createMemoryEntryStore } from "../store/memory/entry.ts";
import { direct, outcomeOf, scriptedLog, send } from "./fixtures/append-cases.ts";
import { type AppendWorld, createAppendWorld, moveUntil, type Owner } from "./fixtures/append-world.ts";
import type { EpochHeadStore } from "./ports.ts";

/** An owner in an epoch that a test may raise. */
function ownerIn(
  world: AppendWorld,
  epoch: { now: bigint },
  changes: Parameters<AppendWorld["owner"]>[0] = {},
): Owner {
  return world.owner({ ...changes, deps: { epochs: { current: () => epoch.now }, ...changes.deps } });
}

/** The heads that were recorded, by every call. */
function noted(store: EpochHeadStore): EpochHeadStore & { readonly calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    record: (conversationId, epoch, head) => {
      calls.push(`${epoch} ${head}`);
      return store.record(conversationId, epoch, head);
    },
    lowestAbove: (ids, epoch) => store.lowestAbove(ids, epoch),
  };
}

describe("the first load in an epoch", () => {
  test("records the head before anything is appended, and no later load does it again", async () => {
    const world = await createAppendWorld();
    const epochHeads = noted(world.epochHeads);
    const first = ownerIn(world, { now: 1n }, { deps: { epochHeads } });
    await Promise.all([send(1), send(2)].map((one) => first.appender.append(one)));
    expect(epochHeads.calls).toEqual([]);

    const log = scriptedLog(world.entries, [
      async (append) => {
        epochHeads.calls.push("append");
        return append();
      },
    ]);
    const second = ownerIn(world, { now: 3n }, { deps: { epochHeads, entries: log } });
    expect(outcomeOf(await second.appender.append(send(3)))).toBe(3n);
    expect(epochHeads.calls).toEqual(["3 2", "append"]);
    const third = ownerIn(world, { now: 3n }, { deps: { epochHeads } });
    expect(outcomeOf(await third.appender.append(send(4)))).toBe(4n);
    expect(epochHeads.calls).toEqual(["3 2", "append"]);
    expect((await world.log(direct)).map(({ epoch }) => epoch)).toEqual([1n, 1n, 3n, 3n]);
    expect(await world.epochHeads.lowestAbove([direct], 1n)).toEqual(new Map([[direct, 2n]]));
  });

  test("records 0 for a conversation without entries, which may have been undone as a whole", async () => {
    const world = await createAppendWorld();
    await ownerIn(world, { now: 2n }).appender.append(send(1));
    expect(await world.epochHeads.lowestAbove([direct], 1n)).toEqual(new Map([[direct, 0n]]));
  });

  test("appends nothing when the head cannot be recorded, and says that the store is away", async () => {
    const world = await createAppendWorld();
    const record = async (): Promise<void> => {
      throw new Fault(ErrorReason.STORE_UNAVAILABLE, "the store is away", { retryDelayMs: 1_000 });
    };
    const { appender } = ownerIn(world, { now: 2n }, { deps: { epochHeads: { record } } });
    expect(outcomeOf(await appender.append(send(1)))).toBe(ErrorReason.STORE_UNAVAILABLE);
    expect(await world.log(direct)).toEqual([]);
  });
});

describe("an appender whose store is in another epoch", () => {
  test("forgets what it knew: it goes on behind the log as it is now, in the new epoch", async () => {
    const world = await createAppendWorld();
    const epoch = { now: 1n };
    const putBack = createMemoryEntryStore();
    let current = world.entries;
    const entries = {
      ...world.entries,
      append: (rows: Parameters<typeof current.append>[0]) => current.append(rows),
      readLast: (ids: readonly string[]) => current.readLast(ids),
      readBefore: (...of: Parameters<typeof current.readBefore>) => current.readBefore(...of),
    };
    const { appender } = ownerIn(world, epoch, { deps: { entries } });
    for (const number of [1, 2, 3]) await appender.append(send(number));
    await putBack.append((await world.log(direct)).slice(0, 1));
    current = putBack;
    epoch.now = 2n;
    await appender.beginEpoch();
    // An id that was taken by an entry that is gone is free again.
    expect(outcomeOf(await appender.append(send(3)))).toBe(2n);
    const rows = await putBack.readAfter(direct, 0n, { entriesMax: 10, bytesMax: 2 ** 20 });
    expect(rows.map((row) => [row.seq, row.epoch])).toEqual([
      [1n, 1n],
      [2n, 2n],
    ]);
    await appender.stop();
    expect(world.clock.pendingTimers).toBe(0);
  });

  test("finishes the batch that runs in the old epoch first, and answers moved meanwhile", async () => {
    const world = await createAppendWorld();
    const epoch = { now: 1n };
    const committing = Promise.withResolvers<void>();
    const log = scriptedLog(world.entries, [
      async (append) => {
        await committing.promise;
        return append();
      },
    ]);
    const { appender } = ownerIn(world, epoch, { deps: { entries: log } });
    const running = appender.append(send(1));
    await world.clock.settle();
    const waiting = appender.append(send(2));
    await world.clock.settle();
    epoch.now = 2n;
    let hasBegun = false;
    const begun = appender.beginEpoch().then(() => (hasBegun = true));
    expect(outcomeOf(await running)).toBe(ErrorReason.OUTCOME_UNKNOWN);
    expect(outcomeOf(await waiting)).toBe("moved");
    expect(outcomeOf(await appender.append(send(3)))).toBe("moved");
    await world.clock.settle();
    expect(hasBegun).toBe(false);
    committing.resolve();
    await begun;
    expect(outcomeOf(await moveUntil(world.clock, appender.append(send(3))))).toBe(2n);
    expect((await world.log(direct)).map((row) => row.epoch)).toEqual([1n, 2n]);
    expect(await world.epochHeads.lowestAbove([direct], 1n)).toEqual(new Map([[direct, 1n]]));
    await appender.stop();
  });

  test("may be told again while it begins, and may be drained and stopped meanwhile", async () => {
    const world = await createAppendWorld();
    const epoch = { now: 2n };
    const { appender } = ownerIn(world, epoch);
    const begun = [appender.beginEpoch(), appender.beginEpoch()];
    epoch.now = 3n;
    await Promise.all(begun);
    await appender.append(send(1));
    expect((await world.log(direct)).map((row) => row.epoch)).toEqual([3n]);
    const again = appender.beginEpoch();
    await Promise.all([appender.drain(), again, appender.stop()]);
    expect(outcomeOf(await appender.append(send(2)))).toBe(ErrorReason.DRAINING);
    expect(world.clock.pendingTimers).toBe(0);
  });
});
