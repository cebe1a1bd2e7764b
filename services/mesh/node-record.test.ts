import { expect, test } from "vitest";
import { nodeRecord } from "./fixtures/node-records.ts";
import { formatNodeRecord, nodeRecordCharactersMax, parseNodeRecord } from "./node-record.ts";

function changed(changes: Record<string, unknown>): string {
  return JSON.stringify({ ...nodeRecord("a"), ...changes });
}

test("a record that was written reads the same", () => {
  const record = nodeRecord("node-1.example_x", {
    incarnation: "0123456789abcdef",
    publicUrls: ["https://one.example", "https://two.example"],
    roles: ["owner"],
    draining: true,
    load: 0.37,
    version: 'quoted "1" ✓',
  });
  expect(parseNodeRecord(formatNodeRecord(record))).toEqual(record);
});

test("equal records have equal texts, however their fields are ordered", () => {
  const { load, ...rest } = nodeRecord("a");
  expect(formatNodeRecord({ load, ...rest })).toBe(formatNodeRecord(nodeRecord("a")));
});

test("what a newer node adds is left out: fields and roles", () => {
  const text = changed({ zone: "north", roles: ["session", "seer"] });
  expect(parseNodeRecord(text)).toEqual(nodeRecord("a", { roles: ["session"] }));
});

test.each([
  ["nodeId", "Upper"],
  ["nodeId", ""],
  ["nodeId", "x".repeat(65)],
  ["incarnation", "no spaces"],
  ["incarnation", undefined],
  ["meshAddress", "127.0.0.1"],
  ["meshAddress", 7081],
  ["publicUrls", "https://one.example"],
  ["publicUrls", [1]],
  ["adminUrl", null],
  ["roles", undefined],
  ["protocolMin", -1],
  ["protocolMin", 2],
  ["protocolMax", "1"],
  ["version", false],
  ["draining", "false"],
  ["draining", undefined],
  ["load", 1.01],
  ["load", null],
])("a record whose %s is %j is refused by the name of the field", (field, value) => {
  expect(() => parseNodeRecord(changed({ [field]: value }))).toThrow(`field ${field} of a node's record`);
});

test.each(["", "{", "null", "[]", '"a"', "7"])("%j is no record", (text) => {
  expect(() => parseNodeRecord(text)).toThrow(/JSON/);
});

test("a record that is too long is refused, written and read", () => {
  const long = nodeRecord("a", { publicUrls: ["x".repeat(nodeRecordCharactersMax)] });
  expect(() => formatNodeRecord(long)).toThrow("at most 8192");
  expect(() => parseNodeRecord(JSON.stringify(long))).toThrow("at most 8192");
});
