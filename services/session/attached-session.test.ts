import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { ClientFrameSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { type Device, SessionBench } from "./fixtures/device.ts";
import { entryEvent } from "./fixtures/scripted-feed.ts";
import { heartbeatMsDefault, positionsMax } from "./session-limits.ts";

const group = `g-${"0".repeat(32)}`;
const entries = (from: number, to: number, padding = 0) =>
  Array.from({ length: to - from + 1 }, (_, index) => entryEvent(group, BigInt(from + index), padding));
const position = (seq: bigint, conversationId = group) => ({ conversationId, seq, epoch: 1n });

let bench: SessionBench;
beforeEach(() => {
  bench = new SessionBench();
});
afterEach(async () => {
  assert.deepEqual(bench.world.bugs, []);
  await bench.world.registry.stop();
  // Every timer dies with its session.
  assert.equal(bench.clock.pendingTimers, 0);
});

describe("opening", () => {
  test("says opened at once with what was granted, and caught_up once", async () => {
    const { outlet, feed, session } = await bench.attach({ tokenMs: 60_000, open: { window: 7 } });
    const [opened] = outlet.controls("opened");
    expect(outlet.frames[0]?.control.case).toBe("opened");
    expect(opened).toMatchObject({
      generation: 1n,
      window: 7,
      revision: 2,
      versions: { conversations: "v1" },
    });
    expect(opened?.sessionId).toBe(session.device.sessionId);
    expect(Number(opened?.tokenExpireTime?.seconds) * 1000).toBe(bench.clock.wallMs() + 60_000);
    expect(opened?.heartbeatInterval?.seconds).toBe(25n);
    expect(feed.opened).toEqual([]);
    feed.offer(...entries(1, 1));
    await bench.clock.settle();
    expect(outlet.controls("caughtUp")).toEqual([true]);
  });

  test.each([
    [undefined, 256, 25n],
    [1n, 256, 15n],
    [600n, 256, 120n],
  ])("takes a heartbeat of %s s as the nearest that there is", async (seconds, window, granted) => {
    const open = seconds === undefined ? {} : { heartbeatInterval: { seconds } };
    const { outlet } = await bench.attach({ open });
    expect(outlet.controls("opened")[0]).toMatchObject({ window, heartbeatInterval: { seconds: granted } });
  });

  test("gathers positions until the last, then opens the feed; follow waits for it", async () => {
    const open = { positions: { positions: [position(1n)], last: false } };
    const { outlet, feed, say } = await bench.attach({ open });
    await say({ case: "follow", value: position(9n) });
    expect([outlet.frames.length, feed.opened, feed.followed]).toEqual([1, undefined, []]);
    await say({ case: "positions", value: { positions: [position(2n)], last: true } });
    expect(feed.opened?.map(({ seq }) => seq)).toEqual([1n, 2n]);
    expect(feed.followed.map(({ seq }) => seq)).toEqual([9n]);
    await say({ case: "positions", value: { positions: [], last: true } });
    expect(outlet.closed?.reason).toBe(CloseReason.PROTOCOL_VIOLATION);
  });

  test("a feed that cannot be opened now closes the stream with the delay that the store asks for", async () => {
    bench.world.feeds.prepare = (feed) => {
      feed.opening = () =>
        Promise.reject(
          new Fault(ErrorReason.STORE_UNAVAILABLE, "the store is away", { retryDelayMs: 2_000 }),
        );
    };
    const { outlet, feed } = await bench.attach();
    expect(outlet.closed).toMatchObject({ reason: CloseReason.OVERLOADED, retryDelay: { seconds: 2n } });
    expect(feed.closed).toBe(true);
  });

  test("a feed that fails unexpectedly closes only its own stream, with INTERNAL and an incident", async () => {
    bench.world.feeds.prepare = (feed) => {
      feed.opening = () => Promise.reject(new Error("planted"));
    };
    const { outlet } = await bench.attach();
    expect(outlet.closed?.reason).toBe(CloseReason.INTERNAL);
    expect(outlet.closed?.message).toContain("incident");
    expect(bench.world.bugs.splice(0)).toHaveLength(1);
  });
});

describe("events", () => {
  test("go out one frame per 16 KiB, flushed once per turn, until the window is full", async () => {
    const { outlet, feed, say } = await bench.attach({ open: { window: 5 } });
    const before = outlet.flushes;
    feed.offer(...entries(1, 8));
    await bench.clock.settle();
    expect(outlet.flushes - before).toBe(1);
    expect(outlet.events).toEqual(["1:1", "2:2", "3:3", "4:4", "5:5"]);
    await say({ case: "ack", value: 3n });
    expect(outlet.events.slice(5)).toEqual(["6:6", "7:7", "8:8"]);
    feed.offer(...entries(9, 12, 7_000));
    await say({ case: "ack", value: 8n });
    expect(outlet.frames.slice(-2).map((frame) => frame.events.length)).toEqual([2, 2]);
  });

  test("of more than 64 KiB are admitted one at a time", async () => {
    const { outlet, feed, say } = await bench.attach();
    feed.offer(...entries(1, 2, 70_000), ...entries(3, 3));
    await bench.clock.settle();
    expect(outlet.events).toEqual(["1:1"]);
    await say({ case: "ack", value: 1n });
    expect(outlet.events).toEqual(["1:1", "2:2"]);
  });

  test("wait in the feed while the connection takes nothing", async () => {
    const { outlet, feed } = await bench.attach();
    outlet.block();
    feed.offer(...entries(1, 3));
    await bench.clock.settle();
    expect([outlet.events, feed.waiting]).toEqual([[], 3]);
    outlet.unblock();
    await bench.clock.settle();
    expect(outlet.events).toEqual(["1:1", "2:2", "3:3"]);
  });

  test("come again after 10 s, doubling, and the fifth time in vain closes with ACK_TIMEOUT", async () => {
    const { outlet, feed, say } = await bench.attach();
    feed.offer(...entries(1, 2));
    await bench.clock.settle();
    const pongs = keepAlive(say);
    for (const [round, delayMs] of [10_000, 20_000, 40_000, 80_000].entries()) {
      await pongs(delayMs - 1);
      expect(outlet.events).toHaveLength(2 * (round + 1));
      await pongs(1);
      const ids = [2 * round + 3, 2 * round + 4];
      expect(outlet.events.slice(-2)).toEqual([`${ids[0]}:1!`, `${ids[1]}:2!`]);
    }
    await pongs(159_999);
    expect(outlet.closed).toBeUndefined();
    await pongs(1);
    expect(outlet.closed?.reason).toBe(CloseReason.ACK_TIMEOUT);
  });

  test("are never sent again while bytes stand in the connection", async () => {
    const { outlet, feed, say } = await bench.attach();
    feed.offer(...entries(1, 1));
    await bench.clock.settle();
    outlet.block(100);
    const pongs = keepAlive(say);
    await pongs(100_000);
    expect(feed.rewound).toEqual([]);
    outlet.unblock();
    await pongs(9_000);
    expect(feed.rewound).toEqual([]);
    await pongs(1_500);
    expect(outlet.events).toEqual(["1:1", "2:1!"]);
  });

  test("an ack of an id that was never sent is a violation, one that was settled is not", async () => {
    const { outlet, feed, say } = await bench.attach();
    feed.offer(...entries(1, 2));
    await bench.clock.settle();
    await say({ case: "ack", value: 2n });
    await say({ case: "ack", value: 1n });
    expect(outlet.closed).toBeUndefined();
    await say({ case: "ack", value: 3n });
    expect(outlet.closed?.reason).toBe(CloseReason.PROTOCOL_VIOLATION);
  });
});

describe("the connection", () => {
  test("closes with TOO_SLOW above 1 MiB that nobody takes", async () => {
    const { outlet, say } = await bench.attach();
    outlet.unflushedBytes = 1024 * 1024 + 1;
    await say({ case: "ping", value: 1n });
    expect(outlet.closed?.reason).toBe(CloseReason.TOO_SLOW);
  });

  test("that breaks ends the session without a word", async () => {
    const { outlet, session, feed } = await bench.attach();
    const aborted = new AbortController();
    const ended = session.endedWith(aborted.signal);
    aborted.abort();
    await ended;
    expect([outlet.closed, feed.closed, bench.world.registry.attached]).toEqual([undefined, true, 0]);
  });
});

describe("heartbeats", () => {
  test("are pings with the versions of now, and a device that is silent for three is closed", async () => {
    const { outlet } = await bench.attach();
    bench.world.conversations = "v2";
    await bench.clock.advance(heartbeatMsDefault);
    expect(outlet.controls("ping")).toEqual([1n]);
    const versions = outlet.frames.flatMap(({ signals }) => signals.map(({ kind }) => kind));
    expect(versions).toMatchObject([{ case: "versions", value: { conversations: "v2" } }]);
    await bench.clock.advance(2 * heartbeatMsDefault - 1);
    expect(outlet.closed).toBeUndefined();
    await bench.clock.advance(1);
    expect(outlet.closed?.reason).toBe(CloseReason.PONG_TIMEOUT);
  });

  test("any frame is a sign of life, one of an unknown kind too, and a ping is echoed", async () => {
    const { outlet, session, say } = await bench.attach();
    for (let beat = 0; beat < 5; beat += 1) {
      await bench.clock.advance(2 * heartbeatMsDefault);
      session.take(create(ClientFrameSchema));
    }
    await say({ case: "ping", value: 77n });
    expect([outlet.closed, outlet.controls("pong")]).toEqual([undefined, [77n]]);
  });

  test("repeat the versions that a signal brought when they cannot be read", async () => {
    const { outlet } = await bench.attach();
    bench.world.parts.versions.conversations = () => Promise.reject(new Error("the store is away"));
    await bench.clock.advance(heartbeatMsDefault);
    expect(outlet.frames.flatMap(({ signals }) => signals)).toHaveLength(1);
  });
});

describe("the token", () => {
  test("closes the stream with TOKEN_EXPIRED at its end, also when the wall clock jumps there", async () => {
    const one = await bench.attach({ tokenMs: 20_000 });
    await bench.clock.advance(20_000);
    expect(one.outlet.closed?.reason).toBe(CloseReason.TOKEN_EXPIRED);
    const other = await bench.attach({ tokenMs: 3_600_000 });
    bench.clock.stepWall(3_600_000);
    await bench.clock.advance(30_000);
    expect(other.outlet.closed?.reason).toBe(CloseReason.TOKEN_EXPIRED);
  });

  test("is renewed in band by a newer one of the same device", async () => {
    const { outlet, say } = await bench.attach({ tokenMs: 20_000 });
    const tokenExpireMs = bench.clock.wallMs() + 60_000;
    bench.world.verify = () => Promise.resolve({ accountId: "alice", deviceId: "a1", tokenExpireMs });
    await say({ case: "renew", value: "newer" });
    expect(Number(outlet.controls("renewed")[0]?.seconds)).toBe(tokenExpireMs / 1000);
    await bench.clock.advance(59_999);
    expect(outlet.closed).toBeUndefined();
    await bench.clock.advance(1);
    expect(outlet.closed?.reason).toBe(CloseReason.TOKEN_EXPIRED);
  });

  test.each([
    [
      "another device's",
      { accountId: "alice", deviceId: "a2", tokenExpireMs: 1e15 },
      CloseReason.TOKEN_EXPIRED,
    ],
    ["an invalid", new Fault(ErrorReason.TOKEN_INVALID, "no"), CloseReason.TOKEN_EXPIRED],
    ["a revoked device's", new Fault(ErrorReason.DEVICE_REVOKED, "no"), CloseReason.DEVICE_REVOKED],
    [
      "a token that cannot be checked now",
      new Fault(ErrorReason.STORE_UNAVAILABLE, "no", { retryDelayMs: 1 }),
      undefined,
    ],
  ])("is not renewed by %s", async (_, answer, reason) => {
    const { outlet, say } = await bench.attach();
    bench.world.verify = () => (answer instanceof Fault ? Promise.reject(answer) : Promise.resolve(answer));
    await say({ case: "renew", value: "other" });
    expect(outlet.closed?.reason).toBe(reason);
    expect(outlet.controls("renewed")).toEqual([]);
  });
});

describe("bad frames", () => {
  test.each<[string, Parameters<Device["say"]>[0]]>([
    ["a second open", { case: "open", value: {} }],
    ["an empty renewal", { case: "renew", value: "" }],
    ["a position without conversation", { case: "follow", value: position(1n, "") }],
    ["too long an id", { case: "typing", value: { conversationId: "x".repeat(65), active: true } }],
    [
      "more than 1,000 positions",
      { case: "positions", value: { positions: Array(1_001).fill(position(1n)) } },
    ],
  ])("%s closes the stream with PROTOCOL_VIOLATION", async (_, kind) => {
    const { outlet, say } = await bench.attach({ open: { positions: { last: false } } });
    await say(kind);
    expect(outlet.closed?.reason).toBe(CloseReason.PROTOCOL_VIOLATION);
    expect(outlet.closed?.message).not.toBe("");
  });

  test("more than 10,000 positions in all, too", async () => {
    const { outlet, say } = await bench.attach({ open: { positions: { last: false } } });
    const positions = Array(1_000).fill(position(1n));
    for (let count = 0; count < positionsMax; count += 1_000)
      await say({ case: "positions", value: { positions } });
    expect(outlet.closed).toBeUndefined();
    await say({ case: "positions", value: { positions: [position(1n)] } });
    expect(outlet.closed?.reason).toBe(CloseReason.PROTOCOL_VIOLATION);
  });
});

describe("typing", () => {
  const typing = (conversationId: string, active = true) => ({
    case: "typing" as const,
    value: { conversationId, active, accountId: "somebody else" },
  });

  test("of a member goes to the group or to the peer, at most once a second, under the caller's own id", async () => {
    const [low, high] = ["a".repeat(13), "b".repeat(13)];
    const direct = `d-${low}-${high}`;
    const { feed, say } = await bench.attach({ accountId: low });
    await say(typing(group));
    expect(bench.world.published).toEqual([]);
    feed.members.add(group).add(direct);
    for (const conversationId of [group, group, direct]) await say(typing(conversationId));
    expect(bench.world.published.map(({ topic, key }) => [topic, key])).toEqual([
      [`conv/${group}`, `typing/${low}/${group}`],
      [`user/${high}`, `typing/${low}/${direct}`],
    ]);
    await bench.clock.advance(1_000);
    await say(typing(group, false));
    expect(bench.world.published).toHaveLength(3);
    expect(new TextDecoder().decode(bench.world.published[0]?.bytes)).not.toContain("somebody else");
  });

  test("signals of one key replace one another while the connection is full, and too many are dropped", async () => {
    const { outlet, feed } = await bench.attach();
    outlet.block();
    for (let index = 0; index < 1_000; index += 1) {
      feed.listener.onSignal(new Uint8Array(), `key ${index % 2 === 0 ? 0 : index}`);
    }
    outlet.unblock();
    await bench.clock.settle();
    expect(outlet.frames.flatMap(({ signals }) => signals)).toHaveLength(256);
  });
});

/** Advances time in steps with a pong in each, so that no heartbeat is missed. */
function keepAlive(say: Device["say"]): (ms: number) => Promise<void> {
  return async (ms) => {
    for (let left = ms; left > 0; left -= 20_000) {
      await bench.clock.advance(Math.min(left, 20_000));
      await say({ case: "pong", value: 0n });
    }
  };
}
