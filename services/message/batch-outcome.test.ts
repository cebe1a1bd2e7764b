import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planAfter } from "./batch-outcome.ts";
import type { AppendOutcome } from "./ports.ts";

interface Item {
  readonly conversationId: string;
  readonly number: number;
}

function batch(text: string): Item[] {
  return Array.from(text, (conversationId, number) => ({ conversationId, number }));
}

const text = (items: readonly Item[]): string =>
  items.map(({ conversationId, number }) => `${conversationId}${number}`).join(" ");

describe("what follows a batch", () => {
  test("all of a committed batch is committed", () => {
    const plan = planAfter(batch("aab"), { kind: "committed", headsRaised: true });
    expect(text(plan.committed)).toBe("a0 a1 b2");
    expect(plan.headsRaised).toBe(true);
  });

  test("a duplicate withdraws the rest of its conversation and submits the rest of the others again", () => {
    const plan = planAfter(batch("abcaba"), { kind: "duplicate", index: 3, headsRaised: false });
    expect(text(plan.committed)).toBe("a0 b1 c2");
    expect(text(plan.withdrawn)).toBe("a3 a5");
    expect(text(plan.resubmit)).toBe("b4");
  });

  test("nothing of a refused batch was written, and its cause is told", () => {
    const plan = planAfter(batch("ab"), { kind: "refused", cause: "disk full" });
    expect(text(plan.refused)).toBe("a0 b1");
    expect(plan.cause).toBe("disk full");
  });

  test("everything of an unknown batch is unknown", () => {
    expect(text(planAfter(batch("ab"), { kind: "unknown", cause: "silence" }).unknown)).toBe("a0 b1");
  });

  test("every item has exactly one fate, in the old order", () => {
    const batches = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        batches,
        fc.nat(),
        fc.constantFrom("committed", "duplicate", "refused", "unknown"),
        (ids, at, kind) => {
          const items = batch(ids.join(""));
          const outcomes: Record<typeof kind, AppendOutcome> = {
            committed: { kind: "committed", headsRaised: false },
            duplicate: { kind: "duplicate", index: at % items.length, headsRaised: false },
            refused: { kind: "refused", cause: undefined },
            unknown: { kind: "unknown", cause: undefined },
          };
          const plan = planAfter(items, outcomes[kind]);
          const lists = [plan.committed, plan.withdrawn, plan.resubmit, plan.refused, plan.unknown];
          for (const list of lists)
            expect(list).toEqual(list.toSorted((one, other) => one.number - other.number));
          expect(lists.flat().toSorted((one, other) => one.number - other.number)).toEqual(items);
          const withdrawn = new Set(plan.withdrawn.map((item) => item.conversationId));
          expect(withdrawn.size).toBeLessThanOrEqual(1);
          for (const item of plan.resubmit) expect(withdrawn.has(item.conversationId)).toBe(false);
        },
      ),
    );
  });
});
