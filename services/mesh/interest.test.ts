import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Interest } from "./interest.ts";

const sweepAll = (interest: Interest): void => {
  for (const _ of interest.sweep());
};

describe("interest", () => {
  test("names the nodes that joined a topic, each once, however often they joined", () => {
    const interest = new Interest();
    for (const nodeId of ["n1", "n2", "n1"]) expect(interest.join(nodeId, "conv/a")).toBe(true);
    expect(interest.nodesOf("conv/a")).toEqual(["n1", "n2"]);
    expect(interest.nodesOf("conv/b")).toEqual([]);
    expect([...interest.topicsOf("n1")]).toEqual(["conv/a"]);
  });

  test("ends with a leave, and leaves of strangers change nothing", () => {
    const interest = new Interest();
    interest.join("n1", "conv/a");
    interest.leave("n2", "conv/a");
    interest.leave("n1", "conv/b");
    expect(interest.nodesOf("conv/a")).toEqual(["n1"]);
    interest.leave("n1", "conv/a");
    expect([interest.nodesOf("conv/a"), interest.size, [...interest.nodeIds()]]).toEqual([[], 0, []]);
  });

  test("of a dropped node ends at once, and what the node joins from then on stays", () => {
    const interest = new Interest();
    interest.join("n1", "conv/a");
    interest.join("n1", "conv/b");
    interest.join("n2", "conv/b");
    interest.drop("n1");
    expect([interest.nodesOf("conv/a"), interest.nodesOf("conv/b")]).toEqual([[], ["n2"]]);
    interest.join("n1", "conv/b");
    sweepAll(interest);
    expect(interest.nodesOf("conv/b")).toEqual(["n2", "n1"]);
    expect([interest.size, interest.has("conv/a")]).toEqual([1, false]);
  });

  test("of a node is limited: a topic too many is refused, and a place that was left is free again", () => {
    const interest = new Interest(2);
    const joins = ["conv/a", "conv/b", "conv/c", "conv/a"].map((topic) => interest.join("n1", topic));
    expect(joins).toEqual([true, true, false, true]);
    expect(interest.join("n2", "conv/c")).toBe(true);
    interest.leave("n1", "conv/a");
    expect(interest.join("n1", "conv/c")).toBe(true);
  });

  test("is read while it changes as it was before", () => {
    const interest = new Interest();
    interest.join("n1", "conv/a");
    const before = interest.nodesOf("conv/a");
    interest.join("n2", "conv/a");
    interest.leave("n1", "conv/a");
    expect(before).toEqual(["n1"]);
  });

  test("agrees with a plain table of pairs under any sequence of joins, leaves, drops and sweeps", () => {
    const action = fc.record({
      kind: fc.constantFrom("join", "join", "leave", "drop", "sweep"),
      nodeId: fc.constantFrom("n1", "n2", "n3"),
      topic: fc.constantFrom("conv/a", "conv/b", "conv/c", "conv/d"),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const interest = new Interest();
        let pairs = new Set<string>();
        for (const { kind, nodeId, topic } of actions) {
          if (kind === "join") interest.join(nodeId, topic);
          if (kind === "join") pairs.add(`${nodeId} ${topic}`);
          if (kind === "leave") interest.leave(nodeId, topic);
          if (kind === "leave") pairs.delete(`${nodeId} ${topic}`);
          if (kind === "drop") interest.drop(nodeId);
          if (kind === "drop") pairs = new Set([...pairs].filter((pair) => !pair.startsWith(nodeId)));
          if (kind === "sweep") sweepAll(interest);
        }
        const byTopic = ["conv/a", "conv/b", "conv/c", "conv/d"].flatMap((topic) =>
          interest.nodesOf(topic).map((nodeId) => `${nodeId} ${topic}`),
        );
        const byNode = ["n1", "n2", "n3"].flatMap((nodeId) =>
          [...interest.topicsOf(nodeId)].map((topic) => `${nodeId} ${topic}`),
        );
        expect(byTopic.sort()).toEqual([...pairs].sort());
        expect(byNode.sort()).toEqual([...pairs].sort());
        sweepAll(interest);
        expect(interest.size).toBe(new Set([...pairs].map((pair) => pair.split(" ")[1])).size);
      }),
    );
  });
});
