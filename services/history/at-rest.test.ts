import { expect, test } from "vitest";
import { checkAtRest, type NodeReading, unrestOf, zeroAtRest } from "./at-rest.ts";

function reading(changes: Readonly<Record<string, number>> = {}): NodeReading {
  const metrics = new Map(zeroAtRest.map((name) => [name, changes[name] ?? 0]));
  return { nodeId: "node-1", metrics };
}

test("nodes that hold nothing are at rest", () => {
  expect(checkAtRest([reading(), reading()])).toMatchObject({
    examined: 2 * zeroAtRest.length,
    violationCount: 0,
  });
});

test.each(zeroAtRest)("a node whose %s is not 0 is not at rest", (name) => {
  expect(checkAtRest([reading(), reading({ [name]: 2 })]).violations).toEqual([`node-1: ${name} is 2`]);
});

test("a node that does not say is not at rest", () => {
  expect(unrestOf([{ nodeId: "node-2", metrics: new Map() }])[0]).toBe(
    "node-2: session_attached is not there",
  );
});
