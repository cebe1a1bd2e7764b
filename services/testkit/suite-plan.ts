import { describe, expect, test } from "vitest";

/** Declares a suite, as `describe` does. */
export type DeclareSuite = (name: string, declare: () => void) => void;

/**
 * Answers a `describe` for suites that need tools of which these are missing. When one is, the suite is skipped under a
 * name that says which, so that the run tells what it did not prove; with CI=true it fails instead.
 */
export function suiteWithout(missing: readonly string[]): DeclareSuite {
  const plan = suitePlan(missing, process.env["CI"] === "true");
  return (name, declare) => {
    const title = plan === "run" ? name : `${name} (needs ${missing.join(" and ")})`;
    // oxlint-disable-next-line vitest/valid-title -- the title is the caller's; the rule wants a literal
    describe(title, { skip: plan === "skip" }, () => {
      if (plan !== "fail") return declare();
      test("this machine has the tools, as CI=true demands", () => {
        expect(missing).toEqual([]);
      });
    });
  };
}

/** What happens to a suite. */
export type SuitePlan = "run" | "skip" | "fail";

/** Decides it from what is missing: nothing may be skipped in CI. */
export function suitePlan(missing: readonly string[], ci: boolean): SuitePlan {
  if (missing.length === 0) return "run";
  return ci ? "fail" : "skip";
}
