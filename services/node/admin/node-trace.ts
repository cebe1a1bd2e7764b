import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type AttachedDevice,
  AttachedDeviceSchema,
  type NodeTrace,
  NodeTraceSchema,
  StepKind,
  TraceCoverage,
  type TraceStep,
  TraceStepSchema,
} from "../../../gen/parley/admin/v1/explanation_pb.ts";
import type { SessionDevice } from "../../session/session-parts.ts";
import type { FoundTraces } from "../traces/entry-traces.ts";
import type { TraceRecord } from "../traces/trace-ring.ts";

/** Steps in an answer; the newest of more. */
export const stepsPerNodeMax = 200;

/** Clocks of nodes may differ by this much, in milliseconds, before something is said of them that is not so. */
export const clockSkewMsMax = 2_000;

/** Characters of why a node did not answer. */
const reasonCharactersMax = 512;

/** What a node says of an entry and of the account's devices that are attached to it. */
export function nodeTrace(
  nodeId: string,
  { records, completeSinceMs }: FoundTraces,
  devices: readonly SessionDevice[],
): NodeTrace {
  const newest = records.slice(-stepsPerNodeMax);
  const omitted = records.slice(0, records.length - newest.length);
  const sinceMs = Math.max(completeSinceMs, ...omitted.map(({ timeMs }) => timeMs));
  return create(NodeTraceSchema, {
    nodeId,
    completeSince: timestampFromMs(Math.ceil(sinceMs)),
    steps: newest.map(stepOf),
    stepsOmitted: omitted.length,
    devices: devices.map(deviceOf),
  });
}

/** A node that did not say anything, and why. */
export function silentNode(nodeId: string, reason: string): NodeTrace {
  const coverage = TraceCoverage.NO_ANSWER;
  return create(NodeTraceSchema, { nodeId, coverage, reason: reason.slice(0, reasonCharactersMax) });
}

/** Whether a step that is missing from a node's answer is known not to have been taken, for an entry of that time. */
export function coverageOf({ completeSince }: NodeTrace, createTimeMs: number): TraceCoverage {
  const isComplete =
    completeSince !== undefined && timestampMs(completeSince) + clockSkewMsMax <= createTimeMs;
  return isComplete ? TraceCoverage.COMPLETE : TraceCoverage.PARTIAL;
}

function stepOf({ kind, timeMs, about, party }: TraceRecord): TraceStep {
  const step = create(TraceStepSchema, { kind, time: timestampFromMs(Math.floor(timeMs)) });
  const parties = [party].flat();
  if (kind === StepKind.FORWARDED || kind === StepKind.RECEIVED) {
    step.topic = about;
    step.nodeIds = parties;
  } else step.deviceId = parties[0] ?? "";
  return step;
}

function deviceOf({ deviceId, attachedMs }: SessionDevice): AttachedDevice {
  return create(AttachedDeviceSchema, { deviceId, attachTime: timestampFromMs(attachedMs) });
}
