import { type Finding, startFinding } from "../../history/finding.ts";
import { readMetrics, sumOf } from "./metrics-page.ts";
import type { ParleyProcess } from "./parley-process.ts";

/** The node that runs now has met no unexpected error, and none is among the newest lines of the log of all runs. */
export async function checkNoBug(node: ParleyProcess): Promise<Finding> {
  const finding = startFinding("no BUG");
  finding.examine();
  const bugs = sumOf(await readMetrics(node.adminUrl), "parley_rpc_bugs_total");
  if (bugs !== 0) finding.violate(`parley_rpc_bugs_total is ${bugs ?? "not on the page"}`);
  for (const line of node.logs) {
    finding.examine();
    if (/\bBUG\b|\bincident/i.test(line)) finding.violate(line);
  }
  return finding.finish();
}
