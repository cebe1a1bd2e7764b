import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { goToolDirectory, grpcurl } from "./go-tools.ts";
import { pythonReady } from "./python-environment.ts";

/** A tool that is no program on the PATH but has to be prepared: the cached Python with gRPC. */
export const pythonGrpc = "python-grpc";

/** Whether this machine has a tool: a program on the PATH, `pythonGrpc`, or the grpcurl that was built for the tests. */
export function toolAvailable(name: string): boolean {
  if (name === pythonGrpc) return pythonReady() !== undefined;
  if (name === grpcurl.name) return goToolDirectory(grpcurl) !== undefined;
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  return directories.some((directory) => isExecutable(join(directory, name)));
}

/** Declares a suite, as `describe` does. */
export type DeclareSuite = (name: string, declare: () => void) => void;

/**
 * Answers a `describe` for suites that need tools. When one is missing the suite is skipped under a name that
 * says which, so that the run tells what it did not prove; with CI=true it fails instead.
 */
export function suiteNeeds(tools: readonly string[]): DeclareSuite {
  const missing = tools.filter((tool) => !toolAvailable(tool));
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
