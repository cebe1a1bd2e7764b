import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import type { ExplainEntryResponse } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import {
  EntryAccess,
  type NodeTrace,
  StepKind,
  TraceCoverage,
  type TraceStep,
} from "../../../gen/parley/admin/v1/explanation_pb.ts";
import { textTable } from "../text-table.ts";

/** A line of the timeline: when, which node, and what it did. */
type Row = readonly [time: string, nodeId: string, what: string];

const nobody = "-";

/**
 * What became of an entry, for people: what the store says, the steps of all nodes by their clocks, and then what did not
 * happen yet and what is not known.
 */
export function explanationText(response: ExplainEntryResponse): string[] {
  const rows = [...stepRows(response.nodes), ...unknownRows(response.nodes), ...openRows(response)];
  return [...storeLines(response), ...textTable(["time", "node", "step"], rows)];
}

function storeLines({ entry, accountId, access, ownerNodeId }: ExplainEntryResponse): string[] {
  const { conversationId = "", seq = 0n, entryId = "", senderId = "", senderDeviceId = "" } = entry ?? {};
  const owner = ownerNodeId === "" ? "no node may own it now" : `${ownerNodeId} owns it now`;
  return [
    `conversation  ${conversationId}, ${owner}`,
    `entry         #${seq}, id ${entryId}, in the store: it is committed`,
    `written       ${timeText(entry?.createTime)} by account ${senderId}, device ${senderDeviceId}`,
    `for           account ${accountId}, which ${accessText(access)}`,
  ];
}

const accessTexts: Readonly<Record<number, string>> = {
  [EntryAccess.VISIBLE]: "may see it",
  [EntryAccess.NOT_THEN]: "may not see it: it was no member when the entry was written",
  [EntryAccess.NEVER]: "may not see it: it never was a member",
};

function accessText(access: EntryAccess): string {
  return (
    accessTexts[access] ?? `stands to it in a way that this version of the command does not know (${access})`
  );
}

/** The steps of all nodes, by time; of one millisecond in the order in which one leads to the other. */
function stepRows(nodes: readonly NodeTrace[]): Row[] {
  return nodes
    .flatMap(({ nodeId, steps }) => steps.map((step) => ({ nodeId, step })))
    .sort(({ step: one }, { step: other }) => msOf(one.time) - msOf(other.time) || one.kind - other.kind)
    .map(({ nodeId, step }) => [timeText(step.time), nodeId, stepText(step)]);
}

const stepTexts: Readonly<Record<number, (step: TraceStep) => string>> = {
  [StepKind.ACCEPTED]: () => "accepted as the owner of the conversation",
  [StepKind.COMMITTED]: () => "committed",
  [StepKind.FOUND]: () => "found in the log: another owner wrote it, or the outcome was unknown",
  [StepKind.FORWARDED]: ({ nodeIds, topic }) => `forwarded to ${nodeIds.join(", ")} (${topic})`,
  [StepKind.RECEIVED]: ({ nodeIds, topic }) => `received from ${nodeIds.join(", ")} (${topic})`,
  [StepKind.REPAIRED]: () => "read from the store: its event had not come",
  [StepKind.PUSHED]: ({ deviceId }) => `pushed to device ${deviceId}`,
  [StepKind.PUSHED_AGAIN]: ({ deviceId }) => `pushed again to device ${deviceId}`,
  [StepKind.ACKNOWLEDGED]: ({ deviceId }) => `acknowledged by device ${deviceId}`,
};

function stepText(step: TraceStep): string {
  const text = stepTexts[step.kind];
  return text?.(step) ?? `a step that this version of the command does not know (${step.kind})`;
}

/** What cannot be said: of nodes, and of steps that must have been taken. */
function unknownRows(nodes: readonly NodeTrace[]): Row[] {
  const rows: Row[] = [];
  const kinds = new Set(nodes.flatMap(({ steps }) => steps.map(({ kind }) => kind)));
  if (!kinds.has(StepKind.ACCEPTED)) rows.push([nobody, nobody, "accepted: unknown by which node"]);
  if (!kinds.has(StepKind.COMMITTED)) rows.push([nobody, nobody, "committed: certain, but unknown when"]);
  for (const { nodeId, coverage, completeSince, stepsOmitted, reason } of nodes) {
    if (stepsOmitted > 0) rows.push([nobody, nodeId, `${stepsOmitted} older steps are left out`]);
    if (coverage === TraceCoverage.COMPLETE) continue;
    const what =
      coverage === TraceCoverage.NO_ANSWER
        ? `unknown: it did not answer (${reason})`
        : `unknown what else it did before ${timeText(completeSince)}: it remembers nothing older`;
    rows.push([nobody, nodeId, what]);
  }
  return rows;
}

/** What was not done yet, for each device. */
function openRows({ entry, nodes }: ExplainEntryResponse): Row[] {
  const rows = nodes.flatMap((node) => [...unacknowledged(node), ...unpushed(node, msOf(entry?.createTime))]);
  const isIdle = nodes.every(({ devices, steps }) => devices.length === 0 && !steps.some(isPush));
  if (isIdle) rows.push([nobody, nobody, "no device of the account is attached to a node that answered"]);
  return rows;
}

function isPush({ kind }: TraceStep): boolean {
  return kind === StepKind.PUSHED || kind === StepKind.PUSHED_AGAIN;
}

/** A node that remembers a push remembers what came after it, too. */
function unacknowledged({ nodeId, steps, devices }: NodeTrace): Row[] {
  const pushed = new Set(steps.filter(isPush).map(({ deviceId }) => deviceId));
  for (const { kind, deviceId } of steps) if (kind === StepKind.ACKNOWLEDGED) pushed.delete(deviceId);
  const attached = new Set(devices.map(({ deviceId }) => deviceId));
  return [...pushed].map((deviceId) => {
    const what = attached.has(deviceId) ? "not acknowledged yet" : "not acknowledged, and attached no more";
    return [nobody, nodeId, `${what}: device ${deviceId}`];
  });
}

function unpushed({ nodeId, coverage, steps, devices }: NodeTrace, createTimeMs: number): Row[] {
  const known = new Set(steps.map(({ deviceId }) => deviceId));
  return devices
    .filter(({ deviceId }) => !known.has(deviceId))
    .map(({ deviceId, attachTime }) => {
      const what = coverage === TraceCoverage.COMPLETE ? "not pushed" : "unknown whether pushed";
      const since = `device ${deviceId}, attached since ${timeText(attachTime)}`;
      const held = msOf(attachTime) > createTimeMs ? ", after the entry: it may have held it then" : "";
      return [nobody, nodeId, `${what}: ${since}${held}`];
    });
}

function msOf(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}

function timeText(time: Timestamp | undefined): string {
  return time === undefined ? nobody : timestampDate(time).toISOString();
}
