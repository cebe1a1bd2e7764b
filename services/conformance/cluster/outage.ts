import type { SendRecord } from "../../history/history.ts";

/** Sends that began so long after a fault, or its end, count for the outage; in milliseconds. */
export const outageWindowMs = 10_000;

/** Fewer sends than these say nothing about a 99th percentile. */
const judgedSendsMin = 100;

/** Whether so few sends were met that a run proves nothing. Where no percentile is judged, one is enough. */
export function tooFewSends(timesMs: readonly number[], outageMsMax: number | undefined): boolean {
  return timesMs.length < (outageMsMax === undefined ? 1 : judgedSendsMin);
}

/** A stretch in which a node answered nobody: dead, or frozen. Milliseconds of the clock of the sends. */
export interface Absence {
  readonly nodeId: string;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** A send, and the node that its client was at when it began. */
export interface PlacedSend {
  readonly nodeId: string;
  readonly send: SendRecord;
}

/** The sends of a run, and the stretches in which nodes were away. */
export interface PlacedRun {
  readonly sends: readonly PlacedSend[];
  readonly absences: readonly Absence[];
}

/** From the first attempt to the acknowledgement across retries, of each send concerned, in milliseconds. */
export interface Outage {
  /** Of all clients, before anything happened: what the machine gives without a fault. */
  readonly before: readonly number[];
  /** Of clients at nodes that were there all the time. */
  readonly elsewhere: readonly number[];
  /** Of clients whose own node was away at some moment of the send. */
  readonly atAbsent: readonly number[];
}

/**
 * The outage around the moments given: sends that began within `windowMs` after one of them, or were under way at it.
 * Sends that were never acknowledged are none of its business; that there are none is checked elsewhere.
 */
export function outageAround(moments: readonly number[], windowMs: number, run: PlacedRun): Outage {
  const firstMs = Math.min(...run.absences.map(({ beganMs }) => beganMs));
  const before: number[] = [];
  const elsewhere: number[] = [];
  const atAbsent: number[] = [];
  for (const { nodeId, send } of run.sends) {
    if (send.outcome.kind !== "acknowledged") continue;
    const { beganMs } = send;
    const { endedMs } = send.outcome;
    if (endedMs < firstMs) before.push(endedMs - beganMs);
    if (!moments.some((moment) => endedMs >= moment && beganMs <= moment + windowMs)) continue;
    const wasAway = run.absences.some(
      (absence) => absence.nodeId === nodeId && absence.beganMs <= endedMs && absence.endedMs >= beganMs,
    );
    (wasAway ? atAbsent : elsewhere).push(endedMs - beganMs);
  }
  return { before, elsewhere, atAbsent };
}

/**
 * The longest stretch of an absence in which no client of another node heard an acknowledgement, in milliseconds: close to all
 * of it when the store was away with the node.
 */
export function longestSilence(absence: Absence, run: Pick<PlacedRun, "sends">): number {
  const { beganMs, endedMs, nodeId: absentId } = absence;
  const heard = run.sends.flatMap(({ nodeId, send: { outcome } }) =>
    outcome.kind === "acknowledged" &&
    nodeId !== absentId &&
    outcome.endedMs > beganMs &&
    outcome.endedMs < endedMs
      ? [outcome.endedMs]
      : [],
  );
  const moments = [beganMs, ...heard.toSorted((a, b) => a - b), endedMs];
  return moments.reduce(
    (longest, moment, index) => Math.max(longest, moment - (moments[index - 1] ?? moment)),
    0,
  );
}
