import fc from "fast-check";
import { expect, test } from "vitest";
import { epochStep, higherMark, lineageMax, nextTick } from "./epoch-step.ts";
import type { EpochMark, StoreMark } from "./ports.ts";

const store = (epoch: bigint, tick: bigint, lineage: readonly bigint[] = [epoch]): StoreMark => ({
  epoch,
  tick,
  lineage,
});

test("a store that is as new as the coordinator was told, or newer, is kept", () => {
  expect(epochStep({ epoch: 1n, tick: 5n }, store(1n, 5n))).toEqual({ kind: "keep" });
  expect(epochStep({ epoch: 1n, tick: 5n }, store(2n, 6n))).toEqual({ kind: "keep" });
});

test("a store whose tick or epoch is below gets an epoch above both, which its history is told to have", () => {
  expect(epochStep({ epoch: 1n, tick: 9n }, store(1n, 5n))).toEqual({
    kind: "raise",
    to: { epoch: 2n, tick: 10n, lineage: [1n, 2n] },
  });
  expect(epochStep({ epoch: 4n, tick: 9n }, store(2n, 5n, [1n, 2n]))).toEqual({
    kind: "raise",
    to: { epoch: 5n, tick: 10n, lineage: [1n, 2n, 5n] },
  });
  expect(epochStep({ epoch: 3n, tick: 1n }, store(2n, 5n)).kind).toBe("raise");
});

test("a history of many epochs forgets the oldest", () => {
  const lineage = Array.from({ length: lineageMax }, (_, index) => BigInt(index) + 1n);
  const step = epochStep({ epoch: 64n, tick: 9n }, store(64n, 5n, lineage));
  if (step.kind !== "raise") throw new Error("kept");
  expect([step.to.lineage.length, step.to.lineage[0], step.to.lineage.at(-1)]).toEqual([lineageMax, 2n, 65n]);
});

type Action = "tick" | "copy" | "restore" | "look";

/** A store that ticks, is copied and put back, and nodes that look at it in between. */
function run(actions: readonly Action[]): void {
  let mark = store(1n, 0n);
  let told: EpochMark = mark;
  const copies: StoreMark[] = [mark];
  const used = new Set([1n]);
  const reused: bigint[] = [];
  /** What the store had at the newest tick that the coordinator was told of was lost. */
  let isRewound = false;
  for (const action of actions) {
    if (action === "copy") copies.push(mark);
    if (action === "restore") {
      mark = copies[(used.size + copies.length) % copies.length] ?? mark;
      isRewound ||= mark.tick < told.tick;
    }
    if (action !== "tick" && action !== "look") continue;
    const step = epochStep(told, mark);
    expect(step.kind).toBe(isRewound ? "raise" : "keep");
    if (step.kind === "raise") {
      if (used.has(step.to.epoch)) reused.push(step.to.epoch);
      used.add(step.to.epoch);
      mark = step.to;
    } else if (action === "tick") mark = nextTick(mark);
    told = higherMark(told, mark);
    isRewound = false;
    expect(mark.lineage.at(-1)).toBe(mark.epoch);
  }
  expect(reused).toEqual([]);
}

test("whatever is copied and put back in whatever order, each loss is found once and no epoch is used twice", () => {
  const action = fc.constantFrom<Action>("tick", "tick", "copy", "restore", "look");
  fc.assert(fc.property(fc.array(action, { maxLength: 60 }), run), { numRuns: 500 });
});
