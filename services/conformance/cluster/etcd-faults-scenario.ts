import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { type Finding, startFinding } from "../../history/finding.ts";
import type { ScenarioReport } from "../harness/scenario-report.ts";

/** The longest that all tests together may take, in milliseconds. */
const runMsMax = 900_000;

const root = fileURLToPath(new URL("../../../", import.meta.url));
const vitest = fileURLToPath(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url));
const suite = "services/mesh/coordinator/etcd-faults.test.ts";

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

type Outcome = z.infer<typeof reportSchema>["testResults"][number]["assertionResults"][number];

/** Runs the long form of the tests that do harm to an etcd beneath a coordinator: longer outages, and every place of a cut. */
export async function runEtcdFaults(): Promise<ScenarioReport> {
  const outcomes = await runSuite();
  const passed = outcomes.filter(({ status }) => status === "passed").length;
  return {
    findings: [judge(outcomes)],
    figures: [["tests that passed", `${passed} of ${outcomes.length}`]],
    void: outcomes.length === 0 ? ["no test ran"] : [],
  };
}

async function runSuite(): Promise<readonly Outcome[]> {
  const directory = mkdtempSync(join(tmpdir(), "parley-etcd-faults-"));
  const file = join(directory, "report.json");
  const argv = [vitest, "run", suite, "--reporter=json", `--outputFile=${file}`];
  const environment = { ...process.env, CI: "true", PARLEY_TEST_ETCD_LONG: "true" };
  try {
    // Its exit code says what the report says in more words; without a report reading it fails.
    await promisify(execFile)(process.execPath, argv, {
      cwd: root,
      env: environment,
      timeout: runMsMax,
    }).catch(() => undefined);
    const report = reportSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    return report.testResults.flatMap(({ assertionResults }) => assertionResults);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function judge(outcomes: readonly Outcome[]): Finding {
  const finding = startFinding("the coordinator does what it promises whatever befalls etcd");
  for (const { fullName, status, failureMessages } of outcomes) {
    finding.examine();
    if (status !== "passed")
      finding.violate(`${fullName}: ${status} ${failureMessages[0]?.split("\n")[0] ?? ""}`);
  }
  return finding.finish();
}
