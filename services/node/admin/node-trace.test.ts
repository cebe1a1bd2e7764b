import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { StepKind, TraceCoverage } from "../../../gen/parley/admin/v1/explanation_pb.ts";
import type { TraceRecord } from "../traces/trace-ring.ts";
import { clockSkewMsMax, coverageOf, nodeTrace, silentNode, stepsPerNodeMax } from "./node-trace.ts";

const record = { conversationId: "c", seq: 1n, about: "", party: "" };

function pushesAt(...times: number[]): TraceRecord[] {
  return times.map((timeMs) => ({ ...record, kind: StepKind.PUSHED, timeMs, about: "bob", party: "b1" }));
}

test("a step says who took part in it, where that is known", () => {
  const records: TraceRecord[] = [
    { ...record, kind: StepKind.COMMITTED, timeMs: 1_001 },
    { ...record, kind: StepKind.FORWARDED, timeMs: 1_002, about: "conv/c", party: ["n1", "n2"] },
    { ...record, kind: StepKind.RECEIVED, timeMs: 1_003, about: "user/bob", party: "n3" },
    ...pushesAt(1_004),
  ];
  const device = {
    sessionId: "s",
    accountId: "bob",
    deviceId: "b1",
    generation: 1n,
    ordinal: 0n,
    attachedMs: 500,
  };
  const trace = nodeTrace("n", { records, completeSinceMs: 900.5 }, [device]);
  const said = trace.steps.map(({ kind, nodeIds, topic, deviceId }) => ({ kind, nodeIds, topic, deviceId }));
  const nothing = { nodeIds: [], topic: "", deviceId: "" };
  expect(said).toEqual([
    { ...nothing, kind: StepKind.COMMITTED },
    { ...nothing, kind: StepKind.FORWARDED, nodeIds: ["n1", "n2"], topic: "conv/c" },
    { ...nothing, kind: StepKind.RECEIVED, nodeIds: ["n3"], topic: "user/bob" },
    { ...nothing, kind: StepKind.PUSHED, deviceId: "b1" },
  ]);
  expect(trace.steps.map(({ time }) => time && timestampMs(time))).toEqual([1_001, 1_002, 1_003, 1_004]);
  expect(trace).toMatchObject({ nodeId: "n", stepsOmitted: 0, completeSince: timestampFromMs(901) });
  expect(trace.devices).toMatchObject([{ deviceId: "b1", attachTime: timestampFromMs(500) }]);
});

test("of too many steps the newest are told, and how many there were before", () => {
  const times = Array.from({ length: stepsPerNodeMax + 5 }, (_, index) => index);
  const trace = nodeTrace("n", { records: pushesAt(...times), completeSinceMs: 0 }, []);
  const { steps, stepsOmitted, completeSince } = trace;
  expect([steps.length, stepsOmitted]).toEqual([stepsPerNodeMax, 5]);
  expect(steps[0]?.time).toEqual(timestampFromMs(5));
  // What is left out is as good as forgotten.
  expect(completeSince).toEqual(timestampFromMs(4));
});

test.each([
  [10_000 - clockSkewMsMax, TraceCoverage.COMPLETE],
  [10_000 - clockSkewMsMax + 1, TraceCoverage.PARTIAL],
  [10_001, TraceCoverage.PARTIAL],
])("a node that remembers everything since %d says of an entry of 10000: %d", (completeSinceMs, coverage) => {
  expect(coverageOf(nodeTrace("n", { records: [], completeSinceMs }, []), 10_000)).toBe(coverage);
});

test("a node that did not say since when it remembers is not relied on, and neither is one that was silent", () => {
  expect(coverageOf(silentNode("n", ""), 10_000)).toBe(TraceCoverage.PARTIAL);
  const silent = silentNode("n", "x".repeat(600));
  expect([silent.coverage, silent.completeSince]).toEqual([TraceCoverage.NO_ANSWER, undefined]);
  expect(silent.reason).toHaveLength(512);
});
