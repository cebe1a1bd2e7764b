import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { LinkState, type Node, NodeLinkSchema, NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import { clusterTable, linkStateText } from "./cluster-table.ts";

function node(nodeId: string, more: MessageInitShape<typeof NodeSchema> = {}): Node {
  return create(NodeSchema, {
    nodeId,
    incarnation: "0123456789abcdef",
    version: "0.1.0",
    roles: ["session", "owner"],
    publicUrls: [`http://${nodeId}`],
    answered: true,
    load: 0.254,
    attachedDevices: 12,
    topicsOwned: 7,
    storeEpoch: 3n,
    ...more,
  });
}

function cellsOf(line: string | undefined): string[] {
  return (line ?? "").split(/ {2,}/);
}

describe("the table of a cluster", () => {
  test("has a line per node, with the slowest round trip of its links and a star at the node that was asked", () => {
    const links = [
      { nodeId: "b", state: LinkState.UP, roundTrip: { nanos: 400_000 } },
      { nodeId: "c", state: LinkState.UP, roundTrip: { nanos: 1_260_000 } },
    ];
    const [head, a, b] = clusterTable([node("a", { links }), node("b")], "a");
    expect(head).toMatch(
      /^node +state +roles +incarnation +clients +attached +load +topics +links +round trip +epoch +version$/,
    );
    expect(cellsOf(a).join(" | ")).toBe(
      "a * | up | session,owner | 89abcdef | http://a | 12 | 25 % | 7 | 2/2 | 1.3 ms | 3 | 0.1.0",
    );
    expect(cellsOf(b).slice(0, 2)).toEqual(["b", "up"]);
    expect(cellsOf(b).slice(-4)).toEqual(["0/0", "-", "3", "0.1.0"]);
  });

  test("says draining, and shows of a node that did not answer only what is registered", () => {
    const [, draining, silent] = clusterTable(
      [node("a", { draining: true }), node("b", { answered: false, draining: true })],
      "a",
    );
    expect(cellsOf(draining)[1]).toBe("draining");
    expect(cellsOf(silent).join(" | ")).toBe(
      "b | no answer | session,owner | 89abcdef | http://b | - | 25 % | - | - | - | - | 0.1.0",
    );
  });

  test("names each link that is not up, with its reason", () => {
    const links = [
      { nodeId: "b", state: LinkState.UP },
      { nodeId: "c", state: LinkState.REFUSED, reason: "it speaks protocol 7" },
      { nodeId: "d", state: LinkState.SUSPECTED },
    ];
    expect(clusterTable([node("a", { links })], "a").slice(2)).toEqual([
      "a > c is refused: it speaks protocol 7",
      "a > d is suspected",
    ]);
  });
});

test("a state of a newer node is named by its number", () => {
  // Field 2 with a value that this version cannot name.
  const link = fromBinary(NodeLinkSchema, Uint8Array.of(0x10, 99));
  expect(linkStateText(link.state)).toBe("in state 99");
});
