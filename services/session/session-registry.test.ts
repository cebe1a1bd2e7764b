import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { CloseAction, CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { OpenSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { SessionBench } from "./fixtures/device.ts";
import { TestOutlet } from "./fixtures/test-outlet.ts";

let bench: SessionBench;
beforeEach(() => {
  bench = new SessionBench({ devicesPerAccountMax: 3 });
});
afterEach(async () => {
  await bench.world.registry.stop();
  assert.equal(bench.clock.pendingTimers, 0);
});
const reasonOf = async (call: () => unknown): Promise<ErrorReason | undefined> => {
  try {
    await call();
  } catch (error) {
    if (error instanceof Fault) return error.reason;
    throw error;
  }
  return undefined;
};

describe("one device", () => {
  test("has one session: a newer generation closes the older", async () => {
    const older = await bench.attach();
    const newer = await bench.attach();
    expect(older.outlet.closed?.reason).toBe(CloseReason.SUPERSEDED);
    expect(newer.outlet.closed).toBeUndefined();
    expect(newer.outlet.controls("opened")[0]?.generation).toBe(2n);
    expect(bench.world.registry.attached).toBe(1);
  });

  test("an older generation that arrives late never displaces a newer one", async () => {
    const late = Promise.withResolvers<bigint>();
    bench.world.raise = () => late.promise;
    const slow = bench.attach();
    bench.world.raise = () => Promise.resolve(2n);
    const newer = await bench.attach();
    late.resolve(1n);
    const older = await slow;
    expect(older.outlet.closed?.reason).toBe(CloseReason.SUPERSEDED);
    expect(older.outlet.frames[0]?.control.case).toBe("opened");
    expect([newer.outlet.closed, newer.session.active]).toEqual([undefined, true]);
  });
});

describe("one account", () => {
  test("with too many devices attached loses the one attached longest ago", async () => {
    const devices = [];
    for (const deviceId of ["a1", "a2", "a3"]) devices.push(await bench.attach({ deviceId }));
    // Attaching again makes a device the youngest, and is no reason to evict anybody.
    devices.push(await bench.attach({ deviceId: "a1" }), await bench.attach({ deviceId: "a4" }));
    expect(devices.map(({ outlet }) => outlet.closed?.reason)).toEqual([
      CloseReason.SUPERSEDED,
      CloseReason.DEVICE_LIMIT,
      undefined,
      undefined,
      undefined,
    ]);
    const others = await bench.attach({ accountId: "bob", deviceId: "b1" });
    expect(others.outlet.closed).toBeUndefined();
  });

  test("loses every revoked device, also when the last frame of one cannot be written", async () => {
    const broken = await bench.attach({ deviceId: "a1" });
    const other = await bench.attach({ deviceId: "a2" });
    broken.outlet.write = () => {
      throw new Error("planted");
    };
    bench.world.registry.revoked("alice", undefined);
    expect(other.outlet.closed?.reason).toBe(CloseReason.DEVICE_REVOKED);
    await broken.session.ended;
    expect(bench.world.registry.attached).toBe(0);
    expect(bench.world.bugs.splice(0)).toHaveLength(1);
  });

  test("loses the devices that were revoked at once, or all of them, and nobody else's", async () => {
    const one = await bench.attach({ deviceId: "a1" });
    const two = await bench.attach({ deviceId: "a2" });
    const bob = await bench.attach({ accountId: "bob", deviceId: "b1" });
    bench.world.registry.revoked("alice", ["a1"]);
    expect(one.outlet.closed?.reason).toBe(CloseReason.DEVICE_REVOKED);
    expect(two.outlet.closed).toBeUndefined();
    bench.world.registry.revoked("alice", undefined);
    expect([two.outlet.closed?.reason, bob.outlet.closed]).toEqual([CloseReason.DEVICE_REVOKED, undefined]);
  });

  test("a revocation reaches a session that is only opening", async () => {
    const raised = Promise.withResolvers<bigint>();
    bench.world.raise = () => raised.promise;
    const outlet = new TestOutlet();
    const opening = reasonOf(() => bench.attach({ outlet }));
    bench.world.registry.revoked("alice", undefined);
    raised.resolve(1n);
    expect(await opening).toBe(ErrorReason.DEVICE_REVOKED);
    expect([outlet.frames, bench.world.registry.attached]).toEqual([[], 0]);
  });
});

describe("opening", () => {
  test("is refused without a generation when the store is away, and nothing is left of it", async () => {
    bench.world.raise = () =>
      Promise.reject(new Fault(ErrorReason.STORE_UNAVAILABLE, "away", { retryDelayMs: 1_000 }));
    expect(await reasonOf(() => bench.attach())).toBe(ErrorReason.STORE_UNAVAILABLE);
    expect([bench.world.registry.attached, bench.world.feeds.all]).toEqual([0, []]);
  });

  test("is refused with OVERLOADED above the rate, above the count at once, and above the node's sessions", async () => {
    bench = new SessionBench({ opensBurst: 2, opensPerSecond: 1 });
    await bench.attach({ deviceId: "a1" });
    await bench.attach({ deviceId: "a2" });
    expect(await reasonOf(() => bench.attach({ deviceId: "a3" }))).toBe(ErrorReason.OVERLOADED);
    await bench.clock.advance(1_000);
    await bench.attach({ deviceId: "a3" });
    await bench.world.registry.stop();
    bench = new SessionBench({ sessionsMax: 1 });
    const one = await bench.attach({ deviceId: "a1" });
    expect(await reasonOf(() => bench.attach({ deviceId: "a2" }))).toBe(ErrorReason.OVERLOADED);
    one.session.lose();
    await bench.attach({ deviceId: "a2" });
  });

  test("takes any ticket, gives a new one, and knows its own", async () => {
    const first = await bench.attach();
    const ticket = first.outlet.controls("opened")[0]?.resumeTicket ?? "";
    const second = await bench.attach({ open: { resumeTicket: ticket } });
    const third = await bench.attach({ open: { resumeTicket: "junk" } });
    const tickets = [first, second, third].map(({ outlet }) => outlet.controls("opened")[0]?.resumeTicket);
    expect(new Set(tickets).size).toBe(3);
  });

  test("one that the device gave up, and that comes after the next one, ends nothing but itself", async () => {
    const stays = await bench.attach({ open: { ordinal: 8n } });
    const late = await bench.attach({ open: { ordinal: 7n } });
    expect([stays.outlet.closed, late.outlet.closed?.reason]).toEqual([undefined, CloseReason.SUPERSEDED]);
    const next = await bench.attach({ open: { ordinal: 9n } });
    expect([stays.outlet.closed?.reason, next.outlet.closed]).toEqual([CloseReason.SUPERSEDED, undefined]);
    // Without a number it is the newest, as it always was.
    const unnumbered = await bench.attach();
    expect([next.outlet.closed?.reason, unnumbered.session.active]).toEqual([CloseReason.SUPERSEDED, true]);
  });

  test("a device that has gone while it was opened gets no session, and the one that it has elsewhere stays", async () => {
    const stays = await bench.attach();
    const raised = Promise.withResolvers<bigint>();
    bench.world.raise = () => raised.promise;
    const call = new AbortController();
    const caller = { accountId: "alice", deviceId: "a1", tokenExpireMs: 1e15 };
    const outlet = new TestOutlet();
    const opening = bench.world.registry.arrive(caller, call.signal).open(create(OpenSchema), outlet);
    call.abort(new Error("gone"));
    raised.resolve(99n);
    await expect(opening).rejects.toThrow("gone");
    expect([stays.session.active, bench.world.registry.attached, outlet.frames]).toEqual([true, 1, []]);
  });
});

describe("finding", () => {
  test("gives a session only to its own device, and closing ones only to Poll", async () => {
    const { session } = await bench.attach();
    const { sessionId } = session.device;
    const { registry } = bench.world;
    expect(registry.find(sessionId, { accountId: "alice", deviceId: "a1" })).toBe(session);
    for (const caller of [
      { accountId: "alice", deviceId: "a2" },
      { accountId: "bob", deviceId: "a1" },
    ]) {
      expect(await reasonOf(() => registry.find(sessionId, caller))).toBe(ErrorReason.SESSION_NOT_FOUND);
    }
    session.close(CloseReason.OVERLOADED);
    expect(await reasonOf(() => registry.findActive(sessionId, session.device))).toBe(
      ErrorReason.SESSION_NOT_FOUND,
    );
  });
});

test("a node without the role session takes no streams, and says so", async () => {
  bench.world.roles.splice(0, 1);
  const refused = await bench.attach().catch((error: unknown) => error);
  expect(refused).toMatchObject({ reason: ErrorReason.DRAINING });
  expect(String(refused)).toContain("has the roles owner and takes no streams");
});

describe("draining", () => {
  test("refuses new sessions and closes the others with DRAINING, spread over the time that it has", async () => {
    bench = new SessionBench();
    const devices = [];
    for (let index = 0; index < 20; index += 1) {
      devices.push(await bench.attach({ accountId: `u${index}`, deviceId: `d${index}` }));
    }
    let drained = false;
    const draining = bench.world.registry.drain(1_000).then(() => (drained = true));
    expect(await reasonOf(() => bench.attach())).toBe(ErrorReason.DRAINING);
    await bench.clock.advance(500);
    const half = devices.filter(({ outlet }) => outlet.closed !== undefined).length;
    expect(half).toBeGreaterThanOrEqual(9);
    expect(half).toBeLessThanOrEqual(11);
    expect(drained).toBe(false);
    await bench.clock.advance(500);
    await draining;
    expect(devices.every(({ outlet }) => outlet.closed?.reason === CloseReason.DRAINING)).toBe(true);
    expect(bench.world.registry.attached).toBe(0);
  });

  test("tells devices where to go first, in turn, serves them until they go, and ends with the last", async () => {
    const devices = [];
    for (const accountId of ["u1", "u2", "u3"]) devices.push(await bench.attach({ accountId }));
    let moved = false;
    const moving = bench.world.registry.move(["http://b", "http://c"], 4_000).then(() => (moved = true));
    expect(await reasonOf(() => bench.attach())).toBe(ErrorReason.DRAINING);
    await bench.clock.advance(100);
    const told = devices.map(({ outlet }) => outlet.controls("moving")[0]);
    expect(told.map((one) => one?.address)).toEqual(["http://b", "http://c", "http://b"]);
    expect(told[0]?.jitter?.seconds).toBe(2n);
    for (const { session } of devices) session.lose();
    await bench.clock.advance(100);
    expect(moved).toBe(true);
    await moving;
  });

  test("waits for devices that stay only as long as it said, and no longer than until the node stays, too", async () => {
    const { session } = await bench.attach();
    const over = bench.world.registry.move(["http://b"], 4_000);
    await bench.clock.advance(4_000);
    await over;
    expect([session.active, bench.world.registry.draining]).toEqual([true, true]);
    const again = bench.world.registry.move(["http://b"], 4_000);
    bench.world.registry.undrain();
    await bench.clock.advance(100);
    await again;
    expect([session.active, bench.world.registry.draining]).toEqual([true, false]);
  });

  test("is not what opening again is: streams are closed so that their devices come back, and new ones are taken", async () => {
    const before = [await bench.attach({ accountId: "u1" }), await bench.attach({ accountId: "u2" })];
    const reopened = bench.world.registry.reopen("The store is in a new epoch.");
    const after = await bench.attach({ accountId: "u3" });
    await bench.clock.advance(100);
    await reopened;
    for (const { outlet } of before) {
      expect(outlet.closed).toMatchObject({
        reason: CloseReason.DRAINING,
        action: CloseAction.RECONNECT_AFTER_DELAY,
        message: "The store is in a new epoch.",
      });
      expect(outlet.closed?.retryDelay).toBeUndefined();
    }
    expect([after.session.active, bench.world.registry.draining]).toEqual([true, false]);
  });

  test("reaches an open that was under way when it began", async () => {
    const raised = Promise.withResolvers<bigint>();
    bench.world.raise = () => raised.promise;
    const opening = reasonOf(() => bench.attach());
    await bench.world.registry.drain(0);
    raised.resolve(1n);
    expect(await opening).toBe(ErrorReason.DRAINING);
  });

  test("a call that only arrived is refused when it opens", async () => {
    const caller = { accountId: "alice", deviceId: "a1", tokenId: "t", tokenExpireMs: 1e15 };
    const arrival = bench.world.registry.arrive(caller);
    await bench.world.registry.drain(0);
    const outlet = new TestOutlet();
    expect(await reasonOf(() => arrival.open(create(OpenSchema), outlet))).toBe(ErrorReason.DRAINING);
    expect(outlet.frames).toEqual([]);
  });
});
