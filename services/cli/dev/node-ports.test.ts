import { describe, expect, test } from "vitest";
import { exitCodes } from "../exit-codes.ts";
import { nodesMax, parseFirstPort, parseNodeCount, parseNodeNumber, portsOf } from "./node-ports.ts";

describe("the ports of a node", () => {
  test("are the one given and the next ones, each further node 10 on", () => {
    expect(portsOf(1, 7080)).toEqual({ public: 7080, mesh: 7081, admin: 7082, tls: 7083 });
    expect(portsOf(3, 7080)).toEqual({ public: 7100, mesh: 7101, admin: 7102, tls: 7103 });
  });

  test("never meet those of another node", () => {
    const all = Array.from({ length: nodesMax }, (_, index) =>
      Object.values(portsOf(index + 1, 7080)),
    ).flat();
    expect(new Set(all).size).toBe(all.length);
  });

  test("are free ones for every node when the first is 0", () => {
    expect(portsOf(4, 0)).toEqual({ public: 0, mesh: 0, admin: 0, tls: 0 });
  });

  test("leave room for all nodes below 65,536", () => {
    const highest = parseFirstPort("65445", 9);
    expect(Math.max(...Object.values(portsOf(9, highest)))).toBeLessThan(65_536);
    for (const text of ["65446", "-1", "http", ""]) {
      expect(() => parseFirstPort(text, 9)).toThrow(
        expect.objectContaining({ exitCode: exitCodes.usage, message: expect.stringContaining("65445") }),
      );
    }
  });
});

test("a count of nodes is 1 to 9", () => {
  expect([parseNodeCount("1"), parseNodeCount("9")]).toEqual([1, 9]);
  for (const text of ["0", "10", "three", ""]) expect(() => parseNodeCount(text)).toThrow(/1 to 9/);
});

test("a node is named by its number or by its name", () => {
  expect([parseNodeNumber("2"), parseNodeNumber("node-2")]).toEqual([2, 2]);
  for (const text of ["0", "10", "node", "node-x", ""]) expect(() => parseNodeNumber(text)).toThrow(/number/);
});
