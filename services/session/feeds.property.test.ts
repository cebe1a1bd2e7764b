import fc from "fast-check";
import { expect, test } from "vitest";
import { RandomFeedRun } from "./fixtures/random-feed-run.ts";

const seed = fc.integer({ min: 0, max: 2 ** 31 });
const steps = fc.integer({ min: 1, max: 200 });

test("whatever happens on the way, every device ends with exactly what its account may see, in order", async () => {
  await fc.assert(
    fc.asyncProperty(seed, steps, async (from, count) => {
      const run = new RandomFeedRun(from);
      for (let step = 0; step < count; step += 1) await run.step();
      await run.finish();
      expect(run.differences()).toEqual([]);
      const left = await run.leftovers();
      expect(Object.entries(left).filter(([, amount]) => amount !== 0)).toEqual([]);
    }),
    // The examples: a position above the head, of a group whose member the account was made while the feed opened.
    { numRuns: 150, examples: [[1550831302, 48]] },
  );
});
