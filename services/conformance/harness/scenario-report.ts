import { type Finding, isClean } from "../../history/finding.ts";

/** What a scenario found. */
export interface ScenarioReport {
  readonly findings: readonly Finding[];
  /** Figures for people, in the order in which they are shown. */
  readonly figures: readonly (readonly [name: string, value: string])[];
  /** Why the run proves nothing, although no check failed; empty when it does prove something. */
  readonly void: readonly string[];
}

/** Told what happens, for people who wait. */
export type Progress = (line: string) => void;

/** Whether the run proves what it was made for. */
export function isPassed(report: ScenarioReport): boolean {
  return isClean(report.findings) && report.void.length === 0;
}

/** Everything that is wrong, a sentence each. */
export function problemsOf(report: ScenarioReport): string[] {
  const violated = report.findings.flatMap(({ check, violationCount, violations }) =>
    violationCount === 0 ? [] : [`${check}: ${violationCount} times`, ...violations.map((one) => `  ${one}`)],
  );
  return [...violated, ...report.void.map((why) => `void: ${why}`)];
}
