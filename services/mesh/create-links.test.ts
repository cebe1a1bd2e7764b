import { expect, test } from "vitest";
import { addressOf, LinkStage } from "./fixtures/link-stage.ts";
import { eventItem, introduce, range } from "./fixtures/linked-node.ts";
import { encodeItem } from "./link-codec.ts";

const frames = "link_frames_sent_total";

test("items arrive in order and each once, and settle when they were processed", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", range(1, 500));
  let settled = false;
  const settling = one.links.settled("n2").then(() => (settled = true));
  expect(one.links.status()[0]?.unacknowledged).toBe(500);
  expect(settled).toBe(false);
  await stage.clock.settle();
  await settling;
  expect(other.seqs()).toEqual(range(1, 500));
  expect(other.items[0]).toEqual({ from: "n1", item: eventItem(1) });
  expect(one.links.status()[0]?.unacknowledged).toBe(0);
});

test("a new link tells both sides that it starts anew, and then that it is up, once", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  await stage.clock.advance(20_000);
  for (const { news } of [one, other]) expect(news).toHaveLength(3);
  expect(one.news.indexOf("out n2")).toBeLessThan(one.news.indexOf("up n2"));
  expect(one.news).toContain("in n2");
  expect(one.links.status()).toEqual([
    { nodeId: "n2", state: "up", epoch: 1n, unacknowledged: 0, roundTripMs: 0, reason: undefined },
  ]);
});

test("nobody is told anything from inside a call of the links", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair({ limits: { itemsUnacknowledgedMax: 5 } });
  const told = one.news.length;
  one.sendSeqs("n2", range(1, 6));
  one.links.keep([]);
  one.links.keep([one.record, other.record]);
  one.links.identify({ ...one.record, incarnation: "n1-2" });
  expect(one.news).toHaveLength(told);
  await stage.clock.advance(100);
  expect(one.news.slice(told)).toContain("out n2");
});

test("items of one turn share frames of at most 64", async () => {
  await using stage = new LinkStage();
  const [one] = await stage.pair();
  const before = await one.measured(frames);
  one.sendSeqs("n2", range(1, 130));
  await stage.clock.settle();
  expect((await one.measured(frames)) - before).toBe(3);
});

test("a frame takes 16 KiB of items, and a larger item is a frame of its own", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  const before = await one.measured(frames);
  for (const bytes of [9_000, 9_000, 40_000, 100, 100]) {
    one.links.send("n2", encodeItem(eventItem(bytes, { bytes: new Uint8Array(bytes) })));
  }
  await stage.clock.settle();
  expect(other.seqs()).toEqual([9_000, 9_000, 40_000, 100, 100]);
  expect((await one.measured(frames)) - before).toBe(4);
});

test("what is sent before the link is open comes when it is, and to a stranger nothing is sent", async () => {
  await using stage = new LinkStage();
  const [one, other] = [await stage.node("n1"), await stage.node("n2")];
  one.sendSeqs("n2", [1]);
  await one.links.settled("n2");
  introduce(one, other);
  one.sendSeqs("n2", [2, 3]);
  await stage.clock.advance(10);
  expect(other.seqs()).toEqual([2, 3]);
});

test("a node that leaves the list is forgotten, and one that comes back is a new link with a later epoch", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", [1, 2]);
  await stage.clock.settle();
  one.links.keep([one.record]);
  await stage.clock.settle();
  expect(one.news.at(-1)).toBe("down n2");
  expect(one.links.status()).toEqual([]);
  introduce(one, other);
  one.sendSeqs("n2", [3]);
  await stage.clock.advance(10);
  expect(other.seqs()).toEqual([1, 2, 3]);
  expect(one.links.status()[0]).toMatchObject({ epoch: 2n, state: "up" });
  expect(other.news.filter((line) => line === "in n1")).toHaveLength(2);
});

test("a node with another incarnation or address is another link", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  const moved = stage.switchboard.transport("elsewhere:7081");
  const restarted = await stage.node("n2", { incarnation: "n2-2", transport: moved });
  await other.links.stop();
  introduce(one, restarted);
  one.sendSeqs("n2", [7]);
  await stage.clock.advance(100);
  expect(restarted.seqs()).toEqual([7]);
  expect(one.links.isUp("n2")).toBe(true);
  expect(one.news.filter((line) => line === "out n2")).toHaveLength(2);
});

test("a node that has moved to another address is another link", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  const transport = stage.switchboard.transport("elsewhere:7081");
  const moved = await stage.node("n2", { transport });
  expect(moved.record.incarnation).toBe(other.record.incarnation);
  introduce(one, moved);
  one.sendSeqs("n2", [7]);
  await stage.clock.advance(100);
  expect([other.seqs(), moved.seqs()]).toEqual([[], [7]]);
});

test("more nodes than a node remembers are turned away, unless it can forget others", async () => {
  await using stage = new LinkStage();
  const hub = await stage.node("hub", { limits: { sendersMax: 2 } });
  const nodes = [await stage.node("n1"), await stage.node("n2"), await stage.node("n3")];
  const [one, other, third] = nodes;
  for (const node of nodes) {
    node.links.keep([hub.record]);
    await stage.clock.advance(500);
  }
  expect(nodes.map(({ links }) => links.isUp("hub"))).toEqual([true, true, false]);
  expect(third?.links.status()[0]?.reason).toContain("too many nodes");
  await one?.links.stop();
  await stage.clock.advance(5_000);
  expect([other?.links.isUp("hub"), third?.links.isUp("hub")]).toEqual([true, true]);
});

test("whoever stops the links because of an item hears none of those behind it", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  other.items.push = (...items) => {
    void other.links.stop();
    return Array.prototype.push.apply(other.items, items);
  };
  one.sendSeqs("n2", [1, 2, 3]);
  await stage.clock.settle();
  expect(other.seqs()).toEqual([1]);
});

test("a node that becomes another incarnation opens its links anew from epoch 1, and others find it again", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", [1]);
  await stage.clock.settle();
  const next = { ...one.record, incarnation: "n1-2" };
  one.links.identify(next);
  expect(one.links.isUp("n2")).toBe(false);
  one.sendSeqs("n2", [2]);
  await stage.clock.advance(5_000);
  expect(other.seqs()).toEqual([1, 2]);
  expect(other.news.filter((line) => line === "in n1")).toHaveLength(2);
  expect(one.links.status()[0]?.epoch).toBe(1n);
  // The list of n2 still names the old incarnation.
  expect(other.links.status()[0]).toMatchObject({
    state: "connecting",
    reason: expect.stringContaining("n1-2"),
  });
  other.links.keep([next, other.record]);
  await stage.clock.advance(10);
  expect(other.links.isUp("n1")).toBe(true);
});

test("a node that was not identified yet takes no links", async () => {
  await using stage = new LinkStage();
  const one = await stage.node("n1");
  const late = await stage.node("n2");
  one.links.keep([{ ...late.record, incarnation: "n2-0" }]);
  await stage.clock.advance(1_000);
  expect(one.links.status()[0]?.reason).toContain("the link is for node n2, incarnation n2-0");
  expect(late.news).toEqual([]);
});

test("after stop nothing is left, nothing is told, and everything that waits ends", async () => {
  const stage = new LinkStage();
  const [one, other] = await stage.pair();
  stage.path("n1", "n2").cut();
  one.sendSeqs("n2", [1]);
  const settling = one.links.settled("n2");
  const call = one.call("n2", "too late");
  await stage.clock.advance(100);
  const told = one.news.length;
  await one.links.stop();
  await one.links.stop();
  await settling;
  expect(await call).toMatchObject({ kind: "lost" });
  one.links.keep([one.record, other.record]);
  one.links.identify({ ...one.record, incarnation: "n1-9" });
  await other.links.stop();
  await stage.clock.advance(60_000);
  expect(one.news).toHaveLength(told);
  expect(stage.clock.pendingTimers).toBe(0);
  stage.path("n1", "n2").heal();
  await stage.clock.settle();
  expect(stage.switchboard.endsOpen).toBe(0);
  expect(addressOf("n1")).toBe(one.record.meshAddress);
});
