import { expect, test } from "vitest";
import { leaseMs } from "./coordinator.ts";
import { idsOf, MemberStage } from "./fixtures/mesh-member.ts";

const away = { kind: "away" } as const;
const none = { kind: "none" } as const;

test("a node that has started is registered, listed and has a slot", async () => {
  await using stage = new MemberStage();
  const { membership, log } = await stage.started("a");
  expect(membership.nodes()).toEqual([membership.self()]);
  expect(membership.self().incarnation).toMatch(/^[0-9a-f]{32}$/);
  expect([membership.listed, membership.conflict, membership.idSlot]).toEqual([true, false, 0]);
  expect(log).toEqual(["info this node is registered "]);
});

test("before it has started it has no slot and lists nothing, but says who it is", async () => {
  await using stage = new MemberStage();
  const { membership, coordinator } = stage.member("a");
  expect(membership.self()).toMatchObject({ nodeId: "a" });
  expect([membership.nodes(), membership.listed]).toEqual([[], false]);
  expect(() => membership.idSlot).toThrow("no id slot");
  await stage.clock.advance(60_000);
  expect(coordinator.calls).toEqual([]);
});

test("nodes hear of one another as soon as one enters or leaves", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const b = await stage.started("b");
  await stage.clock.advance(1_000);
  expect([idsOf(a), idsOf(b)]).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
  expect(b.membership.idSlot).toBe(1);
  const before = a.changes();
  await b.membership.leave();
  await stage.clock.advance(1_000);
  expect(idsOf(a)).toEqual(["a"]);
  expect(a.changes()).toBe(before + 1);
  expect([idsOf(b), b.membership.listed]).toEqual([["a"], false]);
});

test("without any hint a node is seen after 36 seconds at the latest", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  a.coordinator.hasHints = false;
  await stage.started("b");
  await stage.clock.advance(20_000);
  expect(idsOf(a)).toEqual(["a"]);
  await stage.clock.advance(16_000);
  expect(idsOf(a)).toEqual(["a", "b"]);
});

test("a node that is told to look lists at once, and not before it has registered", async () => {
  await using stage = new MemberStage();
  const a = stage.member("a");
  a.membership.refresh();
  await stage.clock.advance(1_000);
  expect(a.coordinator.calls).toEqual([]);
  const b = await stage.started("b");
  b.coordinator.hasHints = false;
  await stage.clock.advance(1_000);
  await stage.started("c");
  b.membership.refresh();
  await stage.clock.advance(0);
  expect(idsOf(b)).toEqual(["b", "c"]);
});

test("a node stays listed by one write in 2.5 seconds, and nobody is told of anything", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const [{ incarnation }, changes] = [a.membership.self(), a.changes()];
  await stage.clock.advance(300_000);
  expect(a.membership.self().incarnation).toBe(incarnation);
  expect(a.membership.listed).toBe(true);
  expect(a.changes()).toBe(changes);
  expect(a.measured.get("coordinator_writes_total join")).toBe(1);
  expect(a.measured.get("coordinator_writes_total renewal")).toBe(120);
  expect(a.coordinator.count("list")).toBeLessThanOrEqual(15);
});

test("many hints at once lead to one listing at once and one more after 250 ms", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  await stage.clock.advance(1_000);
  const lists = a.coordinator.count("list");
  const other = stage.coordinator();
  for (let index = 0; index < 50; index += 1) {
    const { incarnation } = a.membership.self();
    await other.register({ ...a.membership.self(), nodeId: "b", incarnation, load: index / 100 });
    await stage.clock.advance(2);
  }
  expect(a.coordinator.count("list") - lists).toBe(1);
  await stage.clock.advance(250);
  expect(a.coordinator.count("list") - lists).toBe(2);
  expect(a.membership.nodes().at(1)?.load).toBe(0.49);
});

test("a hint that comes while a listing is under way leads to another one", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  await stage.clock.advance(1_000);
  const other = stage.coordinator();
  await other.register({ ...a.membership.self(), nodeId: "b" });
  // The listing for b is applied before c is there, and answered after.
  a.coordinator.listReplyDelayMs = 500;
  await stage.clock.advance(100);
  await other.register({ ...a.membership.self(), nodeId: "c" });
  await stage.clock.advance(400);
  expect(idsOf(a)).toEqual(["a", "b"]);
  await stage.clock.advance(500);
  expect(idsOf(a)).toEqual(["a", "b", "c"]);
});

test("while the coordinator is away nothing changes, and the log grows louder", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  await stage.started("b");
  await stage.clock.advance(1_000);
  const [nodes, changes] = [a.membership.nodes(), a.changes()];
  a.coordinator.fault = away;
  await stage.clock.advance(185_000);
  expect(a.membership.nodes()).toBe(nodes);
  expect([a.membership.listed, a.changes()]).toEqual([true, changes]);
  expect(a.measured.get("coordinator_available")).toBe(0);
  const levels = a.log.slice(1).map((line) => line.split(" ", 1)[0]);
  expect(levels).toEqual(["info", "warn", "error", "error", "error"]);
});

test("a short outage costs nothing: the node keeps its incarnation, and lists when the coordinator is back", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const { incarnation } = a.membership.self();
  a.coordinator.fault = away;
  a.coordinator.hasHints = false;
  await stage.clock.advance(leaseMs / 2);
  await stage.started("b");
  const lists = a.coordinator.count("list");
  a.coordinator.fault = none;
  await stage.clock.advance(leaseMs / 4);
  expect(idsOf(a)).toEqual(["a", "b"]);
  expect(a.coordinator.count("list")).toBeGreaterThan(lists);
  expect(a.membership.self().incarnation).toBe(incarnation);
  expect(a.measured.get("coordinator_available")).toBe(1);
  expect(a.log.at(-1)).toContain("the coordinator answers again");
});

test("after an outage longer than its lease the node owns nothing until it is back under a new incarnation", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const b = await stage.started("b");
  const { incarnation } = a.membership.self();
  await stage.clock.advance(1_000);
  a.coordinator.fault = away;
  await stage.clock.advance(2 * leaseMs);
  expect(idsOf(b)).toEqual(["b"]);
  expect(idsOf(a)).toEqual(["a", "b"]);
  a.coordinator.fault = none;
  await stage.clock.advanceUntil("dropped", () => !a.membership.listed, 5_000);
  await stage.clock.advanceUntil("back", () => a.membership.listed, 2_000);
  expect(a.membership.self().incarnation).not.toBe(incarnation);
  await stage.clock.advance(1_000);
  expect(idsOf(a)).toEqual(["a", "b"]);
  expect(b.membership.nodes()).toEqual(a.membership.nodes());
});

test("a listing that lacks the node is believed at once, although its entry is there", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const { incarnation } = a.membership.self();
  const changes = a.changes();
  a.coordinator.hiddenNodeId = "a";
  await stage.clock.advanceUntil("dropped", () => !a.membership.listed, 36_000);
  await stage.clock.settle();
  expect(a.changes()).toBeGreaterThan(changes);
  expect(idsOf(a)).toEqual([]);
  a.coordinator.hiddenNodeId = undefined;
  await stage.clock.advanceUntil("back", () => a.membership.listed, 1_500);
  expect(a.membership.self().incarnation).not.toBe(incarnation);
  expect(a.log.filter((line) => line.startsWith("error"))).toEqual([]);
});

test("what a node says about itself is written at once, and a load alone once a second", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const b = await stage.started("b");
  await stage.clock.advance(2_500);
  const renewals = a.coordinator.count("renew");
  a.membership.update({ draining: true });
  a.membership.update({ publicUrls: ["https://a.example"] });
  expect(a.membership.self()).toMatchObject({ draining: true, publicUrls: ["https://a.example"] });
  await stage.clock.advance(300);
  expect(a.coordinator.count("renew") - renewals).toBe(1);
  expect(b.membership.nodes()[0]).toMatchObject({ draining: true, publicUrls: ["https://a.example"] });

  for (let step = 1; step <= 20; step += 1) {
    a.membership.update({ load: step / 20 });
    await stage.clock.advance(100);
  }
  expect(a.coordinator.count("renew") - renewals).toBeLessThanOrEqual(4);
  await stage.clock.advance(1_000);
  expect(b.membership.nodes()[0]?.load).toBe(1);
  // A load that rounds to the same hundredth is no change.
  const changes = a.changes();
  a.membership.update({ load: 0.997 });
  await stage.clock.advance(1_500);
  expect(a.changes()).toBe(changes);
});

test("a change that is made while the coordinator is away is written when it is back", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const b = await stage.started("b");
  a.coordinator.fault = away;
  a.membership.update({ draining: true });
  await stage.clock.advance(4_000);
  expect(b.membership.nodes()[0]?.draining).toBe(false);
  a.coordinator.fault = none;
  await stage.clock.advance(3_000);
  expect(b.membership.nodes()[0]?.draining).toBe(true);
});

test("a change before the start is part of the first registration; one out of range is refused and changes nothing", async () => {
  await using stage = new MemberStage();
  const { membership } = stage.member("a");
  membership.update({ meshAddress: "10.0.0.1:9000" });
  expect(() => membership.update({ meshAddress: "nowhere" })).toThrow("field meshAddress");
  const starting = membership.start();
  await stage.clock.advance(0);
  await starting;
  expect(membership.nodes()).toMatchObject([{ meshAddress: "10.0.0.1:9000" }]);
});

test("listeners are told after the call and once for all changes; one that throws is reported and the others are told", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  a.membership.onChange(() => {
    throw new Error("a bug");
  });
  let told = 0;
  a.membership.onChange(() => (told += 1));
  a.membership.update({ draining: true });
  a.membership.update({ load: 0.5 });
  expect(told).toBe(0);
  await stage.clock.settle();
  expect(told).toBe(1);
  expect(a.log.filter((line) => line.startsWith("error a listener"))).toHaveLength(1);
});

test("a node that leaves is out at once; when the coordinator is silent it gives up after two seconds", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const b = await stage.started("b");
  const outside = stage.coordinator();
  await a.membership.leave();
  expect((await outside.list()).map(({ nodeId }) => nodeId)).toEqual(["b"]);
  expect(a.measured.get("coordinator_writes_total leave")).toBe(1);

  b.coordinator.fault = { kind: "silent" };
  let hasLeft = false;
  void b.membership.leave().then(() => (hasLeft = true));
  await stage.clock.advance(1_900);
  expect(hasLeft).toBe(false);
  await stage.clock.advance(100);
  expect(hasLeft).toBe(true);
  expect(b.log.at(-1)).toContain("could not leave the list");
  await stage.stop();
  await outside.stop();
  expect(stage.clock.pendingTimers).toBe(0);
});

test("one that leaves while it is being entered leaves when it is in", async () => {
  await using stage = new MemberStage();
  const b = stage.member("b");
  b.coordinator.nextFaults.push({ kind: "late", delayMs: 1_000 });
  void b.membership.start().catch(() => undefined);
  await stage.clock.advance(500);
  const leaving = b.membership.leave();
  await stage.clock.advance(1_000);
  await leaving;
  const outside = stage.coordinator();
  expect(await outside.list()).toEqual([]);
  expect(b.coordinator.calls).toEqual(["register", "leave"]);
  await outside.stop();
});

test("a node that is stopped calls nobody and stays in the list until its lease ends", async () => {
  await using stage = new MemberStage();
  const a = await stage.started("a");
  const outside = stage.coordinator();
  await a.membership.stop();
  await a.membership.stop();
  const calls = a.coordinator.calls.length;
  await stage.clock.advance(leaseMs - 1);
  expect(await outside.list()).toHaveLength(1);
  await stage.clock.advance(60_000);
  expect(await outside.list()).toHaveLength(0);
  expect(a.coordinator.calls).toHaveLength(calls);
  await outside.stop();
});
