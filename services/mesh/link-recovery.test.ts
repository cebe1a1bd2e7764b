import { expect, test } from "vitest";
import { LinkStage } from "./fixtures/link-stage.ts";
import { eventItem, introduce, type LinkedNode, range } from "./fixtures/linked-node.ts";
import { encodeItem } from "./link-codec.ts";

function resets(node: LinkedNode, kind: "in" | "out"): number {
  return node.news.filter((line) => line.startsWith(kind)).length;
}

test("after a break the epoch goes on: what did not arrive is sent again, and nothing twice", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", range(1, 50));
  await stage.clock.settle();
  // The acknowledgements of these are lost, though they arrive, and the last ones are lost themselves.
  stage.path("n2", "n1").cut();
  one.sendSeqs("n2", range(51, 200));
  await stage.clock.settle();
  stage.path("n1", "n2").cut();
  one.sendSeqs("n2", range(201, 300));
  await stage.clock.settle();
  stage.break("n1", "n2");
  stage.path("n2", "n1").heal();
  stage.path("n1", "n2").heal();
  const settling = one.links.settled("n2");
  one.sendSeqs("n2", range(301, 310));
  await stage.clock.advance(1_000);
  await settling;
  expect(other.seqs()).toEqual(range(1, 310));
  expect([resets(one, "out"), resets(other, "in")]).toEqual([1, 1]);
  expect(one.links.status()[0]).toMatchObject({ state: "up", epoch: 1n, unacknowledged: 0 });
  expect(await one.measured("link_items_resent_total")).toBe(100);
  expect(one.log.filter((line) => line.includes("is not up"))).toHaveLength(1);
});

test("a node that went and came back under a new incarnation hears everything anew", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", [1]);
  await stage.clock.settle();
  await other.links.stop();
  await stage.clock.advance(1_000);
  expect(one.news.at(-1)).toBe("down n2");
  const back = await stage.node("n2", { incarnation: "n2-2" });
  introduce(one, back);
  await stage.clock.advance(2_000);
  one.sendSeqs("n2", [2]);
  await stage.clock.settle();
  expect(back.seqs()).toEqual([2]);
  const ofLink = one.news.filter((line) => !line.startsWith("in"));
  expect(ofLink).toEqual(["out n2", "up n2", "down n2", "out n2", "up n2"]);
});

test("a receiver that has forgotten what it received leads to a new epoch instead of a gap", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", range(1, 5));
  await stage.clock.settle();
  stage.path("n1", "n2").cut();
  stage.break("n1", "n2");
  await stage.clock.settle();
  other.links.keep([other.record]);
  stage.path("n1", "n2").heal();
  await stage.clock.advance(5_000);
  one.sendSeqs("n2", [6]);
  await stage.clock.settle();
  expect(other.seqs()).toEqual(range(1, 6));
  expect(one.links.status()[0]).toMatchObject({ state: "up", epoch: 2n });
  expect([resets(one, "out"), resets(other, "in")]).toEqual([2, 3]);
});

test("a stream without a welcome is given up after 3 s, and a new one is dialled", async () => {
  await using stage = new LinkStage();
  const [one, other] = [await stage.node("n1"), await stage.node("n2")];
  stage.path("n1", "n2").stall();
  introduce(one, other);
  await stage.clock.advance(2_999);
  expect(one.links.status()[0]).toMatchObject({ state: "connecting", reason: "it is just being opened" });
  await stage.clock.advance(1);
  expect(one.links.status()[0]).toMatchObject({ reason: "no welcome came in time" });
  await stage.clock.advance(3_500);
  stage.path("n1", "n2").heal();
  await stage.clock.advance(5_000);
  expect(one.links.isUp("n2")).toBe(true);
});

test("a stream without a hello is ended after 3 s", async () => {
  await using stage = new LinkStage();
  await stage.node("n2");
  const closed: string[] = [];
  const stream = stage.switchboard.transport("stranger:1").dial("n2:7081", "n2");
  stream.listen({
    onFrame: () => undefined,
    onDrain: () => undefined,
    onClosed: (reason) => void closed.push(reason),
  });
  await stage.clock.advance(2_999);
  expect(closed).toEqual([]);
  await stage.clock.advance(1);
  expect(closed).toEqual(["the other side has ended it"]);
});

test("a newer stream of a node takes the place of the older one at once, and an older epoch is refused", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  stage.path("n1", "n2").delayMs = 100;
  one.sendSeqs("n2", [1, 2]);
  await stage.clock.settle();
  // n1 gives its stream up, but n2 does not hear of it before the hello of the next one.
  one.links.keep([one.record]);
  stage.path("n1", "n2").delayMs = 0;
  introduce(one, other);
  one.sendSeqs("n2", [3]);
  await stage.clock.advance(1_000);
  expect(other.seqs()).toEqual([3]);
  expect(resets(other, "in")).toBe(2);
  expect(one.links.isUp("n2")).toBe(true);
});

test("redials are spread and never further apart than 2 s, and the log grows louder", async () => {
  await using stage = new LinkStage();
  const [one, other] = [await stage.node("n1"), await stage.node("n2")];
  await other.links.stop();
  introduce(one, other);
  await stage.clock.advance(4_000);
  const quiet = one.log.filter((line) => line.startsWith("warn"));
  expect(quiet).toEqual([]);
  await stage.clock.advance(126_000);
  const levels = one.log.map((line) => line.split(" ")[0]);
  expect(levels).toEqual(["info", "warn", "error", "error"]);
  expect(one.log.at(-1)).toContain("nobody listens at n2:7081");
});

test("a late pong makes a node suspected until the next one, and calls to it, those under way too, are lost at once", async () => {
  await using stage = new LinkStage();
  const [one] = await stage.pair();
  stage.path("n2", "n1").cut();
  const under = one.call("n2", "under way", 60_000);
  await stage.clock.advance(2_000);
  expect(one.links.isUp("n2")).toBe(true);
  await stage.clock.advance(1_500);
  expect(one.links.isUp("n2")).toBe(false);
  expect(one.links.status()[0]).toMatchObject({ state: "suspected", reason: "it does not answer in time" });
  expect(await under).toMatchObject({ kind: "lost", message: "the other node does not answer in time" });
  expect(await one.call("n2", "no")).toMatchObject({
    kind: "lost",
    message: expect.stringContaining("suspected"),
  });
  stage.path("n2", "n1").heal();
  await stage.clock.settle();
  expect(one.links.isUp("n2")).toBe(true);
  expect(one.news.slice(-2)).toEqual(["down n2", "up n2"]);
});

test("a stream without pongs for 10 s is given up", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  stage.path("n2", "n1").cut();
  await stage.clock.advance(11_500);
  expect(one.links.status()[0]).toMatchObject({ state: "connecting" });
  stage.path("n2", "n1").heal();
  await stage.clock.advance(5_500);
  expect([one.links.isUp("n2"), other.links.isUp("n1")]).toEqual([true, true]);
});

test("an item that this version does not know, and one that nobody can read, are passed over", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  one.sendSeqs("n2", [1]);
  one.links.send("n2", { bytes: new Uint8Array([0xfa, 0x06, 0x00]), replaces: undefined });
  one.sendSeqs("n2", [2]);
  await stage.clock.settle();
  expect(other.seqs()).toEqual([1, 2]);
  one.links.send("n2", { bytes: new Uint8Array([0x0a, 0x7f, 0x00]), replaces: undefined });
  one.links.send("n2", encodeItem(eventItem(3)));
  await stage.clock.advance(1_000);
  expect(other.seqs()).toEqual([1, 2, 3]);
  expect(resets(other, "in")).toBe(1);
});

test("a listener that throws loses its item, and the link goes on", async () => {
  await using stage = new LinkStage();
  const [one, other] = await stage.pair();
  other.items.push = () => {
    throw new Error("planted");
  };
  one.sendSeqs("n2", [1]);
  await stage.clock.settle();
  expect(one.links.status()[0]?.unacknowledged).toBe(0);
  expect(other.log.at(-1)).toContain("error an item of another node could not be processed");
  expect(one.links.isUp("n2")).toBe(true);
});
