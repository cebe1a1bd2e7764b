import type { Finding } from "../../history/finding.ts";
import type { Emphasis } from "../emphasis.ts";
import type { MessageTrace } from "./demo-journal.ts";
import type { DemoVerdict } from "./demo-verdict.ts";

/** The columns of `traceLine`. */
export const traceHead = "    entry   sent at        acknowledged   at the other one";

/** A message's line: its number, when it went out after `startMs`, how long it then took. */
export function traceLine(trace: MessageTrace, startMs: number, emphasize: Emphasis): string {
  const { outcome, sentMs, tries } = trace;
  const sent = `${((sentMs - startMs) / 1000).toFixed(3)} s`.padStart(9);
  if (outcome.kind === "rejected")
    return emphasize("red", `    -       ${sent}      rejected: ${outcome.reason}`);
  const after = (ms: number): string => `+${(ms - sentMs).toFixed(1)} ms`.padStart(10);
  const times = `${after(outcome.acknowledgedMs)}     ${after(outcome.receivedMs)}`;
  const line = `    ${`#${outcome.seq}`.padEnd(6)}  ${sent}      ${times}`;
  return tries === 1 ? line : emphasize("yellow", `${line}   sent ${tries} times`);
}

/** A line of the talk before the burst. */
export function talkLine({ handle, text, outcome, sentMs }: MessageTrace): string {
  if (outcome.kind === "rejected") return `    ${handle}: ${text}  (rejected: ${outcome.reason})`;
  const ms = (outcome.receivedMs - sentMs).toFixed(1);
  return `    ${`${handle}: ${text}`.padEnd(44)}  #${outcome.seq}, with the other one after ${ms} ms`;
}

/** The moment at which the owner was killed. */
export function killLine(node: string, afterMs: number, underWay: number, emphasize: Emphasis): string {
  const text = `${(afterMs / 1000).toFixed(3)} s  ${node} is killed with SIGKILL, ${underWay} messages are under way`;
  return emphasize("red", `──  ${text}`);
}

/** The first acknowledgement after it. */
export function gapLine(gapMs: number, emphasize: Emphasis): string {
  return emphasize("yellow", `──  the next acknowledgement came ${gapMs.toFixed(0)} ms after the kill`);
}

/** A check and what it found, then each violation. */
export function findingLines(finding: Finding, emphasize: Emphasis): string[] {
  const { check, examined, violationCount, violations } = finding;
  const isGood = violationCount === 0 && examined > 0;
  const mark = isGood ? emphasize("green", "ok   ") : emphasize("red", "WRONG");
  const more = violationCount - violations.length;
  return [
    `    ${mark}  ${check.padEnd(36)}  ${examined} looked at`,
    ...violations.map((text) => `             ${text}`),
    ...(more > 0 ? [`             and ${more} more`] : []),
  ];
}

/** The sentence that the demo ends with. */
export function verdictLines(verdict: DemoVerdict, emphasize: Emphasis): string[] {
  const { outageMs, medianMs, hit, problems } = verdict;
  const outage = [
    `Outage: no message waited longer than ${outageMs.toFixed(0)} ms for its acknowledgement, from its first try on, across retries`,
    `(half of all waited at most ${medianMs.toFixed(1)} ms; ${hit} were under way at the moment of the kill).`,
  ];
  if (problems.length === 0) {
    return [...outage, emphasize("green", emphasize("bold", "Nothing was lost, doubled or reordered."))];
  }
  return [
    ...outage,
    emphasize("red", emphasize("bold", "Something is wrong:")),
    ...problems.map((text) => `  ${text}`),
  ];
}
