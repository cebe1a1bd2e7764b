import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { ExplainEntryResponseSchema } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import {
  EntryAccess,
  type NodeTraceSchema,
  StepKind,
  TraceCoverage,
  type TraceStepSchema,
} from "../../../gen/parley/admin/v1/explanation_pb.ts";
import { explanationText } from "./explanation-text.ts";

const noon = Date.UTC(2026, 5, 1, 12);
const at = (ms: number) => timestampFromMs(noon + ms);

type Trace = MessageInitShape<typeof NodeTraceSchema>;

type Step = MessageInitShape<typeof TraceStepSchema>;

function step(kind: StepKind, ms: number, more: Step = {}): Step {
  return { ...more, kind, time: at(ms) };
}

function explained(nodes: Trace[], access: EntryAccess = EntryAccess.VISIBLE): string[] {
  const entry = {
    conversationId: "d-a-b",
    seq: 3n,
    entryId: "e",
    senderId: "a",
    senderDeviceId: "a1",
    createTime: at(0),
  };
  const response = { entry, accountId: "b", access, ownerNodeId: "n1", nodes, nodeId: "n1" };
  return explanationText(create(ExplainEntryResponseSchema, response));
}

/** The timeline, with one space between columns and the date left out. */
function timeline(nodes: Trace[]): string[] {
  return explained(nodes)
    .slice(5)
    .map((line) => line.replaceAll("2026-06-01T", "").replace(/ {2,}/g, " "));
}

const coverage = TraceCoverage.COMPLETE;
const written = [step(StepKind.ACCEPTED, 0), step(StepKind.COMMITTED, 2)];

describe("an explanation", () => {
  test("begins with what the store says", () => {
    expect(explained([]).slice(0, 5)).toEqual([
      "conversation  d-a-b, n1 owns it now",
      "entry         #3, id e, in the store: it is committed",
      "written       2026-06-01T12:00:00.000Z by account a, device a1",
      "for           account b, which may see it",
      expect.stringMatching(/^time +node +step$/),
    ]);
    expect(explained([], EntryAccess.NOT_THEN)[3]).toMatch(/no member when the entry was written/);
    expect(explained([], EntryAccess.NEVER)[3]).toMatch(/never was a member/);
  });

  test("puts the steps of all nodes in order of time, and of cause within a millisecond", () => {
    const topic = "user/b";
    const device = { deviceId: "b1" };
    const n1 = [...written, step(StepKind.FORWARDED, 2, { nodeIds: ["n2", "n3"], topic })];
    const n2 = [
      step(StepKind.RECEIVED, 2, { nodeIds: ["n1"], topic }),
      step(StepKind.PUSHED, 4, device),
      step(StepKind.PUSHED_AGAIN, 10_004, device),
      step(StepKind.ACKNOWLEDGED, 10_009, device),
    ];
    const n3 = [step(StepKind.REPAIRED, 5_000), step(StepKind.FOUND, 6_000)];
    expect(
      timeline([
        { nodeId: "n2", coverage, steps: n2 },
        { nodeId: "n3", coverage, steps: n3 },
        { nodeId: "n1", coverage, steps: n1 },
      ]),
    ).toEqual([
      "12:00:00.000Z n1 accepted as the owner of the conversation",
      "12:00:00.002Z n1 committed",
      "12:00:00.002Z n1 forwarded to n2, n3 (user/b)",
      "12:00:00.002Z n2 received from n1 (user/b)",
      "12:00:00.004Z n2 pushed to device b1",
      "12:00:05.000Z n3 read from the store: its event had not come",
      "12:00:06.000Z n3 found in the log: another owner wrote it, or the outcome was unknown",
      "12:00:10.004Z n2 pushed again to device b1",
      "12:00:10.009Z n2 acknowledged by device b1",
    ]);
  });

  test("says of each device what was not done, where that is known", () => {
    const devices = ["b1", "b2"].map((deviceId) => ({ deviceId, attachTime: at(-60_000) }));
    const late = { deviceId: "b4", attachTime: at(1_000) };
    const pushes = [
      step(StepKind.PUSHED, 3, { deviceId: "b1" }),
      step(StepKind.PUSHED, 3, { deviceId: "b3" }),
    ];
    const lines = timeline([
      { nodeId: "n1", coverage, steps: [...written, ...pushes], devices: [...devices, late] },
    ]);
    expect(lines.slice(4)).toEqual([
      "- n1 not acknowledged yet: device b1",
      "- n1 not acknowledged, and attached no more: device b3",
      "- n1 not pushed: device b2, attached since 11:59:00.000Z",
      "- n1 not pushed: device b4, attached since 12:00:01.000Z, after the entry: it may have held it then",
    ]);
  });

  test("calls unknown what nobody remembers, and does not say that it did not happen", () => {
    const devices = [{ deviceId: "b1", attachTime: at(-60_000) }];
    const partial = { coverage: TraceCoverage.PARTIAL, completeSince: at(5_000), devices };
    expect(
      timeline([
        { nodeId: "n1", ...partial },
        { nodeId: "n2", coverage: TraceCoverage.NO_ANSWER, reason: "not answered within 2000 ms" },
      ]),
    ).toEqual([
      "- - accepted: unknown by which node",
      "- - committed: certain, but unknown when",
      "- n1 unknown what else it did before 12:00:05.000Z: it remembers nothing older",
      "- n2 unknown: it did not answer (not answered within 2000 ms)",
      "- n1 unknown whether pushed: device b1, attached since 11:59:00.000Z",
    ]);
  });

  test("says that nobody is there to be pushed to, and how many steps it was not given", () => {
    expect(timeline([{ nodeId: "n1", coverage, steps: written, stepsOmitted: 7 }]).slice(2)).toEqual([
      "- n1 7 older steps are left out",
      "- - no device of the account is attached to a node that answered",
    ]);
  });
});
