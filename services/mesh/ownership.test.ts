import { expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { ListedNodes } from "./fixtures/listed-nodes.ts";
import { nodeRecord } from "./fixtures/node-records.ts";
import type { NodeRecord } from "./node-record.ts";
import { Ownership, openingMsMax } from "./ownership.ts";
import { rankOwners } from "./rendezvous.ts";

/** Topics in which each of the nodes n1, n2 and n3 ranks first, with the whole order. */
const nodeIds = ["n1", "n2", "n3"] as const;
type NodeId = (typeof nodeIds)[number];

function topicOf(...order: readonly NodeId[]): string {
  for (let index = 0; index < 1_000; index += 1) {
    const topic = `conv/${index}`;
    if (rankOwners(topic, nodeIds).join() === order.join()) return topic;
  }
  throw new Error("no topic has this order");
}

/** The view of n1. */
function view(...listed: readonly NodeRecord[]) {
  const clock = new FakeClock();
  const membership = new ListedNodes(nodeRecord("n1"));
  const up = new Set<string>(["n1"]);
  const mesh = {
    self: () => membership.self(),
    nodes: () => membership.nodes(),
    isUp: (nodeId: string) => up.has(nodeId),
  };
  const away = new Set<string>();
  const standings = { isAway: (nodeId: string) => away.has(nodeId) };
  const ownership = new Ownership({ mesh, clock, standings });
  membership.list(listed);
  return { clock, membership, up, away, ownership };
}

const all = nodeIds.map((nodeId) => nodeRecord(nodeId));

test("a node that is alone owns everything and joins nowhere", () => {
  const { ownership } = view(nodeRecord("n1"));
  expect(ownership.refresh()).toBe(true);
  expect(ownership.routeOf("conv/x")).toEqual({ nodeId: "n1", opening: false });
  expect([ownership.ownersOf("conv/x"), ownership.joinTargetsOf("conv/x")]).toEqual([["n1"], []]);
  expect(ownership.isFirst("conv/x")).toBe(true);
});

test("the first owner is used while its link is up, and joined alone", () => {
  const { ownership, up } = view(...all);
  up.add("n2").add("n3");
  ownership.refresh();
  const topic = topicOf("n2", "n3", "n1");
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n2", opening: false });
  expect(ownership.joinTargetsOf(topic)).toEqual(["n2"]);
  expect(ownership.isFirst(topic)).toBe(false);
});

test("a suspected owner is passed over, and joined beside the next in order", () => {
  const { ownership, up } = view(...all);
  up.add("n2").add("n3");
  ownership.refresh();
  up.delete("n2");
  expect(ownership.refresh()).toBe(true);
  const topic = topicOf("n2", "n3", "n1");
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n3", opening: false });
  expect(ownership.joinTargetsOf(topic)).toEqual(["n2", "n3"]);
  expect(ownership.ownersOf(topic)).toEqual(["n2", "n3", "n1"]);
  up.delete("n3");
  ownership.refresh();
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n1", opening: false });
  expect(ownership.joinTargetsOf(topic)).toEqual(["n2", "n3"]);
});

test("an owner that does not reach the store is passed over, this node too, unless that is true of all", () => {
  const { ownership, up, away } = view(...all);
  up.add("n2").add("n3");
  ownership.refresh();
  away.add("n2");
  expect(ownership.refresh()).toBe(true);
  const topic = topicOf("n2", "n3", "n1");
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n3", opening: false });
  expect(ownership.joinTargetsOf(topic)).toEqual(["n2", "n3"]);
  away.add("n1");
  ownership.refresh();
  expect(ownership.routeOf(topicOf("n1", "n3", "n2"))).toEqual({ nodeId: "n3", opening: false });
  away.add("n3");
  // The store is away for all of them: the order stands, and nobody else need be asked.
  ownership.refresh();
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n2", opening: false });
});

test("an owner whose link is being opened is waited for a moment, then suspected", async () => {
  const { ownership, clock } = view(...all);
  ownership.refresh();
  const topic = topicOf("n2", "n1", "n3");
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n2", opening: true });
  expect(ownership.servingNodeOf(topic)).toBe("n1");
  expect(ownership.joinTargetsOf(topic)).toEqual(["n2"]);
  expect(ownership.openingEndMs).toBe(openingMsMax);
  await clock.advance(openingMsMax - 1);
  expect(ownership.refresh()).toBe(false);
  await clock.advance(1);
  expect(ownership.refresh()).toBe(true);
  expect(ownership.routeOf(topic)).toEqual({ nodeId: "n1", opening: false });
  expect(ownership.openingEndMs).toBeUndefined();
});

test("a link that was up and breaks makes its node suspected at once", async () => {
  const { ownership, up, clock } = view(...all);
  up.add("n2");
  ownership.refresh();
  await clock.advance(1);
  up.delete("n2");
  ownership.refresh();
  expect(ownership.routeOf(topicOf("n2", "n1", "n3"))).toEqual({ nodeId: "n1", opening: false });
});

test("a node that was registered anew is waited for anew, and so is everybody when this one was", async () => {
  const { ownership, membership, clock } = view(...all);
  ownership.refresh();
  await clock.advance(openingMsMax);
  ownership.refresh();
  const [one, two, three] = [...all];
  if (one === undefined || two === undefined || three === undefined)
    throw new Error("three nodes are listed");
  membership.list([one, { ...two, incarnation: "n2-2" }, three]);
  ownership.refresh();
  expect([ownership.isOpening("n2"), ownership.isOpening("n3")]).toEqual([true, false]);
  membership.list([{ ...one, incarnation: "n1-2" }, two, three]);
  ownership.refresh();
  expect([ownership.isOpening("n2"), ownership.isOpening("n3")]).toEqual([true, true]);
});

test("draining nodes and nodes without the role own nothing", () => {
  const { ownership, up } = view(
    nodeRecord("n1", { draining: true }),
    nodeRecord("n2", { roles: ["session"] }),
    nodeRecord("n3"),
  );
  up.add("n2").add("n3");
  ownership.refresh();
  for (const topic of [topicOf("n1", "n2", "n3"), topicOf("n2", "n1", "n3")]) {
    expect(ownership.ownersOf(topic)).toEqual(["n3"]);
    expect(ownership.routeOf(topic).nodeId).toBe("n3");
  }
});

test("a node that is to drain owns nothing from that moment, before any list says so", () => {
  const { ownership, membership, up } = view(...all);
  up.add("n2").add("n3");
  ownership.refresh();
  const topic = topicOf("n1", "n2", "n3");
  expect(ownership.routeOf(topic).nodeId).toBe("n1");
  membership.update({ draining: true });
  expect(ownership.refresh()).toBe(true);
  expect(ownership.routeOf(topic).nodeId).toBe("n2");
});

test("a node that the list lacks owns nothing by its own ring", () => {
  const { ownership, up } = view(nodeRecord("n2"), nodeRecord("n3"));
  up.add("n2").add("n3");
  ownership.refresh();
  const topic = topicOf("n1", "n2", "n3");
  expect([ownership.routeOf(topic).nodeId, ownership.isFirst(topic)]).toEqual(["n2", false]);
});

test("a node that knows of no owner at all serves itself", () => {
  const { ownership } = view(nodeRecord("n2", { draining: true }));
  ownership.refresh();
  expect(ownership.routeOf("conv/x")).toEqual({ nodeId: "n1", opening: false });
  expect(ownership.servingNodeOf("conv/x")).toBe("n1");
  expect([ownership.joinTargetsOf("conv/x"), ownership.isFirst("conv/x")]).toEqual([[], false]);
});

test("what does not concern owners is no change", () => {
  const { ownership, membership } = view(...all);
  expect(ownership.refresh()).toBe(true);
  membership.list(all.map((node) => ({ ...node, load: 0.5 })));
  expect(ownership.refresh()).toBe(false);
});
