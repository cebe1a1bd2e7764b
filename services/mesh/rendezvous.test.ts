import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createOwnerRing, rankOwners } from "./rendezvous.ts";

const nodeNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `node-${index + 1}`);

const topicNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `conv/g-${String(index).padStart(32, "0")}`);

const nodeSets = fc.uniqueArray(fc.stringMatching(/^[a-z0-9._-]{1,12}$/), { minLength: 1, maxLength: 8 });

/** How many of the topics each node comes at a place for. */
function shares(topics: readonly string[], nodeIds: readonly string[], place: number): number[] {
  const counts = new Map(nodeIds.map((nodeId) => [nodeId, 0]));
  for (const topic of topics) {
    const nodeId = rankOwners(topic, nodeIds)[place] ?? "";
    counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  }
  return [...counts.values()];
}

describe("the order of owners", () => {
  test.each([
    ["conv/g-0001", ["c", "a", "node-1", "node-3", "node-2", "b"]],
    ["user/0000000000001", ["node-3", "node-2", "b", "node-1", "a", "c"]],
    ["", ["node-1", "node-3", "b", "a", "c", "node-2"]],
    ["conv/ä🙂", ["node-2", "node-3", "c", "node-1", "a", "b"]],
  ])("of %j is what it has always been, since nodes of all versions must agree on it", (topic, order) => {
    expect(rankOwners(topic, ["a", "b", "c", "node-1", "node-2", "node-3"])).toEqual(order);
  });

  test("does not depend on the order or the repetition of nodes in the list", () => {
    fc.assert(
      fc.property(fc.string(), nodeSets, (topic, nodeIds) => {
        const order = rankOwners(topic, nodeIds);
        expect(rankOwners(topic, [...nodeIds, ...nodeIds].toReversed())).toEqual(order);
        expect([...order].sort()).toEqual([...nodeIds].sort());
      }),
    );
  });

  test("of the others stays when a node leaves, so that only its own topics move", () => {
    fc.assert(
      fc.property(fc.string(), nodeSets, fc.nat(), (topic, nodeIds, pick) => {
        const gone = nodeIds[pick % nodeIds.length];
        const rest = nodeIds.filter((nodeId) => nodeId !== gone);
        expect(rankOwners(topic, rest)).toEqual(
          rankOwners(topic, nodeIds).filter((nodeId) => nodeId !== gone),
        );
      }),
    );
  });

  test.each([2, 3, 5, 10])("gives each of %i nodes about the same number of topics", (count) => {
    const topics = topicNames(20_000);
    const even = topics.length / count;
    // Five standard deviations of a fair draw; the topics are fixed, so this never changes.
    const spread = 5 * Math.sqrt(even * (1 - 1 / count));
    for (const share of [...shares(topics, nodeNames(count), 0), ...shares(topics, nodeNames(count), 1)]) {
      expect(Math.abs(share - even)).toBeLessThan(spread);
    }
  });

  test("spreads the topics of a lost node evenly over the others", () => {
    const nodeIds = nodeNames(5);
    const orphans = topicNames(50_000).filter((topic) => rankOwners(topic, nodeIds)[0] === "node-3");
    const even = orphans.length / 4;
    const heirs = shares(
      orphans,
      nodeIds.filter((nodeId) => nodeId !== "node-3"),
      0,
    );
    for (const share of heirs) expect(Math.abs(share - even)).toBeLessThan(5 * Math.sqrt(even));
  });
});

describe("an owner ring", () => {
  test("finds the first owner that serves as the whole order has it", () => {
    fc.assert(
      fc.property(fc.string(), nodeSets, fc.array(fc.boolean()), (topic, nodeIds, flags) => {
        const ring = createOwnerRing(nodeIds);
        const serves = (nodeId: string): boolean => flags[ring.nodeIds.indexOf(nodeId)] === true;
        const order = rankOwners(topic, nodeIds);
        const place = order.findIndex(serves);
        expect(ring.firstOwner(topic, serves)).toBe(order[place]);
        expect(ring.ownersUntil(topic, serves)).toEqual(place < 0 ? order : order.slice(0, place + 1));
      }),
    );
  });

  test("without nodes has no owner", () => {
    const ring = createOwnerRing([]);
    expect(ring.firstOwner("conv/x")).toBeUndefined();
    expect(ring.ownersUntil("conv/x", () => true)).toEqual([]);
  });
});
