import { expect, test } from "vitest";
import { epochStep, lineageMax } from "./epoch-step.ts";
import { restoredMark } from "./restored-mark.ts";

const copy = { epoch: 2n, tick: 40n, lineage: [1n, 2n] };

test("the epoch after a restore is above every one that anybody remembers, and joins the copy's lineage", () => {
  const known = [
    { epoch: 4n, tick: 90n },
    { epoch: 5n, tick: 80n },
  ];
  expect(restoredMark(copy, known, 777)).toEqual({ epoch: 6n, tick: 91n, lineage: [1n, 2n, 6n] });
});

test("epochs are skipped where nobody remembers anything later than the copy, as when the coordinator was put back too", () => {
  const forgetful = [{ epoch: 2n, tick: 40n }];
  expect(restoredMark(copy, forgetful, 777)).toEqual({ epoch: 780n, tick: 41n, lineage: [1n, 2n, 780n] });
  expect(restoredMark(copy, [], 0).epoch).toBe(3n);
});

test("nodes keep a restored mark as it is, although the coordinator was told of later ticks", () => {
  const told = { epoch: 2n, tick: 90n };
  expect(epochStep(told, restoredMark(copy, [told], 777))).toEqual({ kind: "keep" });
});

test("the lineage stays bounded", () => {
  const lineage = Array.from({ length: lineageMax }, (_, index) => BigInt(index + 1));
  const restored = restoredMark({ epoch: BigInt(lineageMax), tick: 1n, lineage }, [], 0);
  expect(restored.lineage).toHaveLength(lineageMax);
  expect(restored.lineage.at(-1)).toBe(BigInt(lineageMax + 1));
});
