/** Violations that a finding names; of further ones it only says how many there were. */
export const violationsNamedMax = 20;

/** What one checker found. */
export interface Finding {
  readonly check: string;
  /** How many facts were looked at. A check that looked at none proves nothing. */
  readonly examined: number;
  /** How many of them were wrong. */
  readonly violationCount: number;
  /** The first of them, a sentence each. */
  readonly violations: readonly string[];
}

/** Collects what one checker finds. */
export interface FindingBuilder {
  /** Counts one fact as looked at. */
  examine(): void;
  violate(sentence: string): void;
  finish(): Finding;
}

/** Starts a finding of the check named. */
export function startFinding(check: string): FindingBuilder {
  const violations: string[] = [];
  let examined = 0;
  let violationCount = 0;
  return {
    examine: () => {
      examined += 1;
    },
    violate: (sentence) => {
      violationCount += 1;
      if (violations.length < violationsNamedMax) violations.push(sentence);
    },
    finish: () => ({ check, examined, violationCount, violations }),
  };
}

/** Whether none of the findings has a violation. */
export function isClean(findings: readonly Finding[]): boolean {
  return findings.every((finding) => finding.violationCount === 0);
}
