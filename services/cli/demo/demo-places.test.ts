import { expect, test } from "vitest";
import { placeDemo } from "./demo-places.ts";

const nodes = ["node-1", "node-2", "node-3"].map((name) => ({ name }));

test.each([
  { owners: ["node-3", "node-1"], alice: "node-1", bob: "node-2" },
  { owners: ["node-1", "node-2"], alice: "node-2", bob: "node-3" },
  { owners: ["node-2"], alice: "node-1", bob: "node-3" },
])("when $owners.0 owns the conversation, alice is at $alice and bob at $bob", ({ owners, alice, bob }) => {
  const places = placeDemo(nodes, owners);
  expect([places.owner.name, places.alice.name, places.bob.name]).toEqual([owners[0], alice, bob]);
});

test("without an owner among three nodes there is nothing to show", () => {
  expect(() => placeDemo(nodes, ["node-9"])).toThrow(/node-9/);
  expect(() => placeDemo(nodes.slice(1), ["node-2"])).toThrow(/2 nodes/);
  expect(() => placeDemo(nodes, [])).toThrow(/nobody/);
});
