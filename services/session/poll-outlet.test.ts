import assert from "node:assert/strict";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { ClientFrameSchema, OpenSchema, type ServerFrame } from "../../gen/parley/session/v1/session_pb.ts";
import { PollResponseSchema } from "../../gen/parley/session/v1/session_service_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AttachedSession } from "./attached-session.ts";
import { SessionBench } from "./fixtures/device.ts";
import { entryEvent } from "./fixtures/scripted-feed.ts";
import { PollOutlet } from "./poll-outlet.ts";
import { heartbeatMsDefault, pollLingerMs } from "./session-limits.ts";

const group = `g-${"0".repeat(32)}`;
const never = new AbortController().signal;

let bench: SessionBench;
let session: AttachedSession;
let outlet: PollOutlet;
beforeEach(async () => {
  bench = new SessionBench();
  outlet = new PollOutlet(bench.clock);
  session = await open();
});
afterEach(async () => {
  await bench.world.registry.stop();
  assert.equal(bench.clock.pendingTimers, 0);
});

async function open(init: MessageInitShape<typeof OpenSchema> = {}): Promise<AttachedSession> {
  const caller = { accountId: "alice", deviceId: "a1", tokenId: "t", tokenExpireMs: 1e15 };
  return bench.world.registry.arrive(caller).open(create(OpenSchema, init), outlet);
}
/** A Poll as the RPC makes it. */
async function poll(ack: bigint, waitMs = 25_000, signal: AbortSignal = never): Promise<ServerFrame[]> {
  session.touch(0);
  session.acknowledgePoll(ack);
  const frames = await outlet.poll(waitMs, signal);
  return fromBinary(PollResponseSchema, Buffer.concat(frames.flatMap(({ parts }) => parts))).frames;
}
const settled = async <T>(work: Promise<T>): Promise<T> => {
  await bench.clock.settle();
  return work;
};
const eventsOf = (frames: readonly ServerFrame[]): string[] =>
  frames.flatMap(({ events, firstDeliveryId, redelivered }) =>
    events.map(({ kind }, index) => {
      const seq = kind.case === "entry" ? kind.value.seq : 0n;
      return `${firstDeliveryId + BigInt(index)}:${seq}${redelivered ? "!" : ""}`;
    }),
  );
const cases = (frames: readonly ServerFrame[]) => frames.map(({ control }) => control.case);

describe("a polled session", () => {
  test("says opened in its first answer and takes events only while a Poll waits", async () => {
    expect(cases(await settled(poll(0n)))).toEqual(["opened"]);
    bench.world.feeds.last.offer(entryEvent(group, 1n));
    await bench.clock.settle();
    expect(bench.world.feeds.last.waiting).toBe(1);
    const frames = await settled(poll(0n));
    expect([eventsOf(frames), cases(frames)]).toEqual([["1:1"], [undefined, "caughtUp"]]);
  });

  test("answers with nothing when the wait is over", async () => {
    await settled(poll(0n));
    await settled(poll(0n));
    const waiting = poll(0n, 5_000);
    await bench.clock.advance(5_000);
    expect(await waiting).toEqual([]);
  });

  test("returns what was not acknowledged again, caught_up too, and an old id settles nothing more", async () => {
    await settled(poll(0n));
    const feed = bench.world.feeds.last;
    feed.offer(entryEvent(group, 1n), entryEvent(group, 2n), entryEvent(group, 3n));
    expect(eventsOf(await settled(poll(0n)))).toEqual(["1:1", "2:2", "3:3"]);
    const again = await settled(poll(1n));
    expect([eventsOf(again), cases(again)]).toEqual([
      ["4:2!", "5:3!"],
      [undefined, "caughtUp"],
    ]);
    // This answer is lost as well: 4 acknowledges entry 2, though entry 3 was once sent under id 3.
    expect(eventsOf(await settled(poll(4n)))).toEqual(["6:3!"]);
    expect(session.unacknowledged).toBe(1);
  });

  test("keeps an answer within 256 KiB", async () => {
    await settled(poll(0n));
    for (let seq = 1n; seq <= 300n; seq += 1n) bench.world.feeds.last.offer(entryEvent(group, seq, 60_000));
    outlet.poll(1_000, never).catch(() => undefined);
    const frames = await settled(poll(0n));
    const bytes = frames.reduce((sum, { events }) => sum + events.length * 60_000, 0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(256 * 1024);
  });

  test("a newer Poll overtakes the older, and one whose client left takes nothing with it", async () => {
    await settled(poll(0n));
    await settled(poll(0n));
    const older = poll(0n).catch((error: unknown) => error);
    const leaving = new AbortController();
    const newer = poll(0n, 25_000, leaving.signal);
    const fault = await older;
    expect(fault instanceof Fault && fault.reason).toBe(ErrorReason.POLL_SUPERSEDED);
    await bench.clock.settle();
    leaving.abort();
    expect(await newer).toEqual([]);
    bench.world.feeds.last.offer(entryEvent(group, 1n));
    await bench.clock.settle();
    expect(eventsOf(await settled(poll(0n)))).toEqual(["1:1"]);
  });

  test("ends when it is not polled for three heartbeats, and keeps its last frame for a while", async () => {
    await settled(poll(0n));
    await bench.clock.advance(3 * heartbeatMsDefault);
    expect([session.active, bench.world.registry.attached]).toEqual([false, 0]);
    expect(cases(await settled(poll(0n))).at(-1)).toBe("closed");
    await session.ended;
  });

  test("is forgotten when nobody fetches its last frame", async () => {
    session.violated("planted");
    await bench.clock.advance(pollLingerMs);
    await session.ended;
    expect(() => bench.world.registry.find(session.device.sessionId, session.device)).toThrow(Fault);
  });

  test("is closed by an ack of what was never sent", async () => {
    const frames = await settled(poll(9n));
    expect(cases(frames)).toEqual(["opened", "closed"]);
  });

  test("takes positions by Submit", async () => {
    outlet = new PollOutlet(bench.clock);
    session = await open({ positions: { last: false } });
    const kind = {
      case: "positions" as const,
      value: { positions: [{ conversationId: group, seq: 4n }], last: true },
    };
    session.take(create(ClientFrameSchema, { kind }));
    await bench.clock.settle();
    expect(bench.world.feeds.last.opened?.map(({ seq }) => seq)).toEqual([4n]);
  });
});
