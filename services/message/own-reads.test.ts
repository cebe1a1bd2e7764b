import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { createMemoryPersonalStore } from "../store/memory/personal.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { cursorsPerFlushMax, flushIntervalMs, OwnReads, pendingCursorsMax } from "./own-reads.ts";
import type { PersonalRow } from "./ports.ts";

function setUp() {
  const clock = new FakeClock();
  const store = createMemoryPersonalStore();
  const writes: Omit<PersonalRow, "muteEndMs">[][] = [];
  const topics: string[] = [];
  const state = { refuse: false, dropped: 0, version: 0n };
  const personal = {
    ...store,
    raiseReadCursors: async (rows: readonly Omit<PersonalRow, "muteEndMs">[]) => {
      if (state.refuse) throw new Fault(ErrorReason.STORE_UNAVAILABLE, "away");
      writes.push([...rows]);
      await store.raiseReadCursors(rows);
    },
  };
  const ownReads = new OwnReads({
    personal,
    versions: { next: async () => (state.version += 1n) },
    events: { publish: (event) => void topics.push(event.topic) },
    clock,
    logger: silentLogger,
    metrics: { ...silentMetrics, counter: () => ({ add: () => void (state.dropped += 1) }) },
  });
  return { clock, store, writes, topics, state, ownReads };
}

describe("own reads", () => {
  test("are written once a second, the highest of each conversation", async () => {
    const { clock, ownReads, writes, topics } = setUp();
    ownReads.noteSent("alice", "g-1", 3n, 2n);
    ownReads.noteSent("alice", "g-1", 5n, 4n);
    ownReads.noteSent("alice", "g-1", 4n, 3n);
    ownReads.noteSent("alice", "g-2", 1n, 1n);
    ownReads.noteSent("bob", "g-1", 6n, 5n);
    await clock.advance(flushIntervalMs - 1);
    expect(writes).toEqual([]);
    await clock.advance(1);
    expect(writes).toMatchObject([
      [
        { accountId: "alice", conversationId: "g-1", readSeq: 5n, readOrdinal: 4n },
        { accountId: "alice", conversationId: "g-2", readSeq: 1n },
        { accountId: "bob", conversationId: "g-1", readSeq: 6n },
      ],
    ]);
    expect(topics).toEqual(["user/alice", "user/bob"]);
    expect(ownReads.pending("alice", "g-1")).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test("are visible while they wait", () => {
    const { ownReads } = setUp();
    ownReads.noteSent("alice", "g-1", 3n, 2n);
    expect(ownReads.pending("alice", "g-1")).toMatchObject({ readSeq: 3n, readOrdinal: 2n });
    expect(ownReads.pending("bob", "g-1")).toBeUndefined();
  });

  test("that the store refused are tried again, with what came meanwhile", async () => {
    const { clock, ownReads, writes, state } = setUp();
    state.refuse = true;
    ownReads.noteSent("alice", "g-1", 3n, 2n);
    await clock.advance(flushIntervalMs);
    expect(ownReads.pending("alice", "g-1")).toBeDefined();
    ownReads.noteSent("alice", "g-1", 7n, 6n);
    state.refuse = false;
    await clock.advance(flushIntervalMs);
    expect(writes).toMatchObject([[{ readSeq: 7n }]]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("that wait when the store is in a new epoch are dropped, since their entries may be gone", async () => {
    const { clock, ownReads, writes } = setUp();
    ownReads.noteSent("alice", "g-1", 9n, 8n);
    ownReads.forget();
    expect(ownReads.pending("alice", "g-1")).toBeUndefined();
    ownReads.noteSent("alice", "g-1", 3n, 2n);
    await clock.advance(2 * flushIntervalMs);
    expect(writes).toMatchObject([[{ readSeq: 3n }]]);
    await ownReads.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test("that wait at the stop are written, and later ones are not kept", async () => {
    const { clock, ownReads, store, state } = setUp();
    ownReads.noteSent("alice", "g-1", 3n, 2n);
    await ownReads.stop();
    expect(await store.read("alice", ["g-1"])).toMatchObject([{ readSeq: 3n }]);
    ownReads.noteSent("alice", "g-1", 4n, 3n);
    expect(state.dropped).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test("that the store refuses at the stop are given up, and the stop ends", async () => {
    const { clock, ownReads, state } = setUp();
    state.refuse = true;
    ownReads.noteSent("alice", "g-1", 3n, 2n);
    await clock.advance(flushIntervalMs);
    await ownReads.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test("are bounded: one more is dropped and counted, one that waits already still moves", async () => {
    const { clock, ownReads, writes, state } = setUp();
    for (let index = 0; index < pendingCursorsMax; index += 1)
      ownReads.noteSent("alice", `g-${index}`, 1n, 1n);
    ownReads.noteSent("alice", "g-more", 1n, 1n);
    ownReads.noteSent("alice", "g-0", 9n, 9n);
    expect(state.dropped).toBe(1);
    expect(ownReads.pending("alice", "g-0")).toMatchObject({ readSeq: 9n });
    await clock.advance(flushIntervalMs);
    expect(writes.map((rows) => rows.length)).toEqual(
      Array.from({ length: pendingCursorsMax / cursorsPerFlushMax }, () => cursorsPerFlushMax),
    );
  });
});
