import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Finding, startFinding } from "../../history/finding.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { readMetrics } from "../harness/metrics-page.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkAllAcknowledged,
  checkOutage,
  describeBefore,
  describeFailures,
  describeRun,
  describeTimes,
} from "./cluster-figures.ts";
import { type RunningCluster, runUnderLoad } from "./cluster-run.ts";
import type { NodeCluster } from "./node-cluster.ts";
import { outageAround } from "./outage.ts";

/** Where the nodes of a data directory find one another. */
const coordinatorFile = "cluster.db";

/** From the start of the load until the file is locked, in milliseconds. */
const restMs = 3_000;

/** While the file is locked, devices break off and attach again so often, in milliseconds. */
const reattachEveryMs = 1_000;

/** How long a device may take to attach again, in milliseconds. */
const attachMsMax = 10_000;

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface CoordinatorLockOptions {
  readonly seconds: number;
  readonly users: number;
  readonly seed: number;
  /** What the 99th percentile of the time to acknowledgement may be meanwhile, in milliseconds. */
  readonly outageMsMax: number;
  readonly progress?: Progress;
}

interface Locked {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly attaches: Finding;
  readonly attachMs: readonly number[];
  /** Nodes that said, at the end of it, that the coordinator is away. */
  readonly noticed: number;
}

/** Keeps the nodes from reading and writing the file by which they find one another, while users go on. */
export async function runCoordinatorLock(options: CoordinatorLockOptions): Promise<ScenarioReport> {
  const { outcome, told } = await runUnderLoad(options, (running) => lock(running, options));
  const { beganMs, endedMs, attaches, attachMs, noticed } = told;
  const absences = [{ nodeId: "the coordinator", beganMs, endedMs }];
  const outage = outageAround([beganMs], endedMs - beganMs, { sends: outcome.load.placed, absences });
  return {
    findings: [
      ...outcome.findings,
      checkAllAcknowledged(outcome.load.journal.sends),
      checkOutage(outage.elsewhere, options.outageMsMax, "while the file is locked"),
      attaches,
    ],
    figures: [
      ["the coordinator's file locked", `for ${options.seconds} s, seed ${options.seed}`],
      ...describeRun(outcome),
      describeBefore(outage),
      ["time to acknowledgement while it was locked", describeTimes(outage.elsewhere)],
      ["from a broken stream to an open one while it was locked", describeTimes(attachMs, "attaches")],
    ],
    void: [
      ...(noticed < outcome.cluster.nodes.length ? ["not every node noticed that the file was locked"] : []),
      ...(outage.elsewhere.length === 0 ? ["nothing was sent while the file was locked"] : []),
      ...describeFailures(outcome.members),
    ],
  };
}

async function lock(running: RunningCluster, options: CoordinatorLockOptions): Promise<Locked> {
  const { cluster } = running;
  await pause(restMs);
  const file = join(cluster.nodes[0]?.process.dataDirectory ?? "", coordinatorFile);
  using database = new DatabaseSync(file, { timeout: attachMsMax });
  database.exec("BEGIN EXCLUSIVE");
  const beganMs = performance.now();
  options.progress?.("the file is locked");
  const { attaches, attachMs } = await reattach(running, beganMs + options.seconds * 1000);
  const noticed = await nodesWithout(cluster);
  database.exec("ROLLBACK");
  options.progress?.("the file is free again");
  const endedMs = performance.now();
  await cluster.linked();
  await pause(restMs);
  return { beganMs, endedMs, attaches, attachMs, noticed };
}

/** How many nodes say that the coordinator is away. */
async function nodesWithout({ nodes }: NodeCluster): Promise<number> {
  const pages = await Promise.all(nodes.map(({ process }) => readMetrics(process.adminUrl)));
  return pages.filter((page) => page.get("parley_coordinator_available") === 0).length;
}

/** One device after the other breaks off and attaches again, at the next node, until the time given. */
async function reattach(
  { members }: RunningCluster,
  untilMs: number,
): Promise<Pick<Locked, "attaches" | "attachMs">> {
  const finding = startFinding("devices attach while the file is locked");
  const attachMs: number[] = [];
  for (let index = 0; performance.now() < untilMs; index += 1) {
    const device = members[index % members.length]?.device;
    const { handle } = device?.user ?? { handle: "nobody" };
    if (device?.cut() === true) {
      const cutMs = performance.now();
      finding.examine();
      await waitUntil(`${handle} is attached`, () => device.isOpen, { timeoutMs: attachMsMax }).then(
        () => attachMs.push(performance.now() - cutMs),
        (error: unknown) => finding.violate(String(error)),
      );
    }
    await pause(Math.min(reattachEveryMs, Math.max(0, untilMs - performance.now())));
  }
  return { attaches: finding.finish(), attachMs };
}
