import { expect, test } from "vitest";
import { textTable } from "./text-table.ts";

test("columns are as wide as their widest cell, and no line ends with spaces", () => {
  const rows = [
    ["node-1", "up", ""],
    ["n", "draining", "x"],
  ];
  expect(textTable(["node", "state", "more"], rows)).toEqual([
    "node    state     more",
    "node-1  up",
    "n       draining  x",
  ]);
});
