import fc from "fast-check";
import { expect, test } from "vitest";
import { RowObservation } from "./row-observation.ts";

const leaseMs = 10_000;

function row(beat: bigint, incarnation = "i1") {
  return { nodeId: "a", incarnation, beat };
}

/** Looks at the given times, then asks who is dead at the last argument. */
function observed(looks: readonly (readonly [number, ReturnType<typeof row>])[], atMs: number) {
  const observation = new RowObservation(leaseMs);
  for (const [lookMs, seen] of looks) observation.look([seen], lookMs);
  return observation.deadRows(atMs);
}

test("nothing is dead before the first look, and nothing for a lease after it", () => {
  expect(new RowObservation(leaseMs).deadRows(1_000_000)).toEqual([]);
  const looks = [0, 4_000, 8_000].map((ms) => [ms, row(7n)] as const);
  expect(observed(looks, 9_999)).toEqual([]);
  expect(observed(looks, 10_000)).toEqual([row(7n)]);
});

test("a row that moves, or belongs to another incarnation, starts anew", () => {
  expect(
    observed(
      [
        [0, row(1n)],
        [4_000, row(1n)],
        [8_000, row(2n)],
      ],
      12_000,
    ),
  ).toEqual([]);
  expect(
    observed(
      [
        [0, row(1n)],
        [4_000, row(1n, "i2")],
        [8_000, row(1n, "i2")],
      ],
      12_000,
    ),
  ).toEqual([]);
  expect(
    observed(
      [
        [0, row(1n)],
        [4_000, row(2n)],
        [8_000, row(2n)],
        [12_000, row(2n)],
      ],
      14_000,
    ),
  ).toHaveLength(1);
});

test("a reader that has not looked for half a lease knows nothing, neither now nor after its next look", () => {
  const looks = [0, 4_000, 8_000].map((ms) => [ms, row(1n)] as const);
  expect(observed(looks, 13_001)).toEqual([]);
  expect(observed([...looks, [13_001, row(1n)]], 13_002)).toEqual([]);
  const later = [13_001, 17_000, 21_000].map((ms) => [ms, row(1n)] as const);
  expect(observed([...looks, ...later], 23_000)).toEqual([]);
  expect(observed([...looks, ...later], 23_001)).toHaveLength(1);
});

test("a row that was gone and is there again starts anew", () => {
  const observation = new RowObservation(leaseMs);
  observation.look([row(1n)], 0);
  observation.look([], 4_000);
  observation.look([row(1n)], 8_000);
  expect(observation.deadRows(12_000)).toEqual([]);
});

test("whatever the looks, a dead row was seen unmoved for a lease, without a gap of more than half of one", () => {
  const steps = fc.array(
    fc.record({
      gapMs: fc.oneof(
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 4_900, max: 5_100 }),
        fc.nat(40_000),
      ),
      moves: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, (course) => {
      const observation = new RowObservation(leaseMs);
      const seen: { readonly ms: number; readonly beat: bigint }[] = [];
      let [nowMs, beat] = [0, 1n];
      for (const { gapMs, moves } of course) {
        nowMs += gapMs;
        expect(observation.deadRows(nowMs).length > 0).toBe(isProvedDead(seen, nowMs));
        if (moves) beat += 1n;
        observation.look([row(beat)], nowMs);
        seen.push({ ms: nowMs, beat });
      }
    }),
  );
});

/** The rule, from the whole history: back from now, look by look, until the beat differs or there was a gap. */
function isProvedDead(
  seen: readonly { readonly ms: number; readonly beat: bigint }[],
  nowMs: number,
): boolean {
  const last = seen.at(-1);
  let sinceMs = nowMs;
  for (const { ms, beat } of seen.toReversed()) {
    if (beat !== last?.beat || sinceMs - ms > leaseMs / 2) break;
    sinceMs = ms;
  }
  return nowMs - sinceMs >= leaseMs;
}
