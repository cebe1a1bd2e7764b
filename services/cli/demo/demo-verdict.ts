import { checkHistory } from "../../history/check-history.ts";
import type { Finding } from "../../history/finding.ts";
import type { HeadRead, ListedLog, ObserverHistory, SendRecord } from "../../history/history.ts";

/** What a demo leaves to be judged. */
export interface DemoEvidence {
  readonly sends: readonly SendRecord[];
  /** The log as each of the two lists it afterwards, at a node that survived; at least one. */
  readonly logs: readonly (ListedLog & { readonly listedBy: string })[];
  /** What each device stored. */
  readonly observers: readonly ObserverHistory[];
  readonly reads: readonly HeadRead[];
  /** When the owner was killed; undefined when it never was. Milliseconds, on the clock of the sends. */
  readonly killedMs: number | undefined;
}

/** The judgement on a demo. */
export interface DemoVerdict {
  readonly findings: readonly Finding[];
  /** What is wrong, a sentence each; empty when nothing is. */
  readonly problems: readonly string[];
  /** The longest time from the first try of a send to its acknowledgement, in milliseconds. */
  readonly outageMs: number;
  /** The same of the send in the middle. */
  readonly medianMs: number;
  /** Sends that had gone out and were not acknowledged when the owner was killed. */
  readonly hit: number;
}

/** Judges a demo. A check that looked at nothing proves nothing, and counts as a problem. */
export function judgeDemo(evidence: DemoEvidence): DemoVerdict {
  const { sends, logs, observers, reads, killedMs } = evidence;
  const [log, ...others] = logs;
  // The checkers take one log per conversation: what another one lists is compared with it as what a device holds is.
  const alsoListed = others.map(({ listedBy, ...rest }) => ({
    ...rest,
    deviceId: `the list of ${listedBy}`,
  }));
  const findings = checkHistory({
    sends,
    logs: log === undefined ? [] : [log],
    observers: [...observers, ...alsoListed],
    reads,
  });
  const waits = sends.flatMap(waitOf).toSorted((one, other) => one - other);
  return {
    findings,
    problems: [...findings.flatMap(problemsOf), ...(killedMs === undefined ? ["no node was killed"] : [])],
    outageMs: waits.at(-1) ?? 0,
    medianMs: waits[Math.floor(waits.length / 2)] ?? 0,
    hit: killedMs === undefined ? 0 : sends.filter((send) => wasUnderWay(send, killedMs)).length,
  };
}

function problemsOf({ check, examined, violationCount, violations }: Finding): string[] {
  if (examined === 0) return [`${check}: there was nothing to look at`];
  const more = violationCount - violations.length;
  return [...violations, ...(more > 0 ? [`and ${more} more`] : [])].map((text) => `${check}: ${text}`);
}

function waitOf({ beganMs, outcome }: SendRecord): number[] {
  return outcome.kind === "acknowledged" ? [outcome.endedMs - beganMs] : [];
}

function wasUnderWay({ beganMs, outcome }: SendRecord, moment: number): boolean {
  return beganMs <= moment && (outcome.kind !== "acknowledged" || outcome.endedMs > moment);
}
