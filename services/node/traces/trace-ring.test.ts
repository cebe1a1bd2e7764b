import { describe, expect, test } from "vitest";
import { StepKind } from "../../../gen/parley/admin/v1/explanation_pb.ts";
import { TraceRing } from "./trace-ring.ts";

const startMs = 1_000;

function note(ring: TraceRing, timeMs: number, seq: bigint, conversationId = "c"): void {
  ring.write({ kind: StepKind.COMMITTED, timeMs, conversationId, seq, about: "", party: "" });
}

const timesOf = (ring: TraceRing, seq: bigint) => ring.find("c", seq).map(({ timeMs }) => timeMs);

describe("a ring of traces", () => {
  test("finds what was written of an entry, as it was written and in that order, and nothing of others", () => {
    const ring = new TraceRing(10, startMs);
    const forwarded = {
      kind: StepKind.FORWARDED,
      timeMs: 1_002,
      conversationId: "c",
      seq: 2n ** 60n,
      about: "conv/c",
      party: ["n1", "n2"],
    };
    note(ring, 1_001, 2n ** 60n);
    ring.write(forwarded);
    note(ring, 1_003, 2n ** 60n + 1n);
    note(ring, 1_004, 2n ** 60n, "d");
    expect(ring.find("c", 2n ** 60n)).toEqual([
      { kind: StepKind.COMMITTED, timeMs: 1_001, conversationId: "c", seq: 2n ** 60n, about: "", party: "" },
      forwarded,
    ]);
    expect(ring.find("c", 0n)).toEqual([]);
  });

  test("an unused place is no step, not even of an entry without name or number", () => {
    expect(new TraceRing(4, startMs).find("", 0n)).toEqual([]);
  });

  test("is complete since its start until it is full, then since the newest step that it has forgotten", () => {
    const ring = new TraceRing(3, startMs);
    for (const timeMs of [1_010, 1_020, 1_030]) note(ring, timeMs, 1n);
    expect([ring.completeSinceMs, timesOf(ring, 1n)]).toEqual([startMs, [1_010, 1_020, 1_030]]);
    note(ring, 1_040, 1n);
    expect([ring.completeSinceMs, timesOf(ring, 1n)]).toEqual([1_010, [1_020, 1_030, 1_040]]);
    for (const timeMs of [1_050, 1_060, 1_070, 1_080]) note(ring, timeMs, 1n);
    expect([ring.completeSinceMs, timesOf(ring, 1n)]).toEqual([1_050, [1_060, 1_070, 1_080]]);
  });

  test("does not claim more than it knows when the clock is set back", () => {
    const ring = new TraceRing(2, startMs);
    note(ring, 5_000, 1n);
    // An hour back, as it were: what is forgotten next is earlier than what was forgotten before.
    for (const timeMs of [2_000, 2_010, 2_020, 2_030]) note(ring, timeMs, 1n);
    expect(timesOf(ring, 1n)).toEqual([2_020, 2_030]);
    expect(ring.completeSinceMs).toBe(5_000);
  });

  test("agrees with a plain list over many rounds", () => {
    const ring = new TraceRing(7, startMs);
    const all: { seq: bigint; timeMs: number }[] = [];
    for (let index = 0; index < 100; index += 1) {
      const written = { seq: BigInt(index % 3), timeMs: startMs + index };
      all.push(written);
      note(ring, written.timeMs, written.seq);
      for (const seq of [0n, 1n, 2n]) {
        const kept = all.slice(-7).filter((each) => each.seq === seq);
        expect(timesOf(ring, seq)).toEqual(kept.map(({ timeMs }) => timeMs));
      }
    }
  });
});
