import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Finding, startFinding } from "../../history/finding.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { readMetrics } from "../harness/metrics-page.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import type { Backends } from "./backends.ts";
import {
  checkAllAcknowledged,
  checkOutage,
  describeBefore,
  describeFailures,
  describeRun,
  describeTimes,
} from "./cluster-figures.ts";
import { type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";
import type { NodeCluster } from "./node-cluster.ts";
import { outageAround } from "./outage.ts";

/** Where the nodes of a data directory find one another. */
const coordinatorFile = "cluster.db";

/** From the start of the load until the coordinator is taken away, in milliseconds. */
const restMs = 3_000;

/** While it is away, devices break off and attach again so often, in milliseconds. */
const reattachEveryMs = 1_000;

/** How long a device may take to attach again, in milliseconds. */
const attachMsMax = 10_000;

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface CoordinatorOutageOptions extends RunOptions {
  readonly seconds: number;
  /** What the 99th percentile of the time to acknowledgement may be meanwhile, in milliseconds; undefined: not judged. */
  readonly outageMsMax: number | undefined;
  readonly progress?: Progress;
}

interface Outage {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly attaches: Finding;
  readonly attachMs: readonly number[];
  /** Nodes that said, at the end of it, that the coordinator is away. */
  readonly noticed: number;
  readonly how: string;
}

/** How it was taken away, and what gives it back. */
interface Taken {
  readonly how: string;
  readonly giveBack: () => Promise<void>;
}

/** Takes that away by which nodes find one another: the file of a shared directory is locked, or etcd is dead. */
export async function runCoordinatorOutage(options: CoordinatorOutageOptions): Promise<ScenarioReport> {
  const { outcome, told } = await runUnderLoad(options, (running) => takeAway(running, options));
  const { beganMs, endedMs, attaches, attachMs, noticed } = told;
  const absences = [{ nodeId: "the coordinator", beganMs, endedMs }];
  const outage = outageAround([beganMs], endedMs - beganMs, { sends: outcome.load.placed, absences });
  return {
    findings: [
      ...outcome.findings,
      checkAllAcknowledged(outcome.load.journal.sends),
      ...checkOutage(outage.elsewhere, options.outageMsMax, "while the coordinator is away"),
      attaches,
    ],
    figures: [
      [`the coordinator away: ${told.how}`, `for ${options.seconds} s, seed ${options.seed}`],
      ...describeRun(outcome),
      describeBefore(outage),
      ["time to acknowledgement while it was away", describeTimes(outage.elsewhere)],
      ["from a broken stream to an open one while it was away", describeTimes(attachMs, "attaches")],
    ],
    void: [
      ...(noticed < outcome.cluster.nodes.length
        ? ["not every node noticed that the coordinator was away"]
        : []),
      ...(outage.elsewhere.length === 0 ? ["nothing was sent while the coordinator was away"] : []),
      ...describeFailures(outcome.members),
    ],
  };
}

async function takeAway(running: RunningCluster, options: CoordinatorOutageOptions): Promise<Outage> {
  const { cluster } = running;
  await pause(restMs);
  const { how, giveBack } = await (cluster.backends === undefined
    ? lockFile(cluster)
    : killServer(cluster.backends));
  const beganMs = performance.now();
  options.progress?.(how);
  const { attaches, attachMs } = await reattach(running, beganMs + options.seconds * 1000);
  const noticed = await nodesWithout(cluster);
  await giveBack();
  options.progress?.("the coordinator is back");
  const endedMs = performance.now();
  await cluster.linked();
  await pause(restMs);
  return { beganMs, endedMs, attaches, attachMs, noticed, how };
}

/** Nobody can read or write the file. */
async function lockFile({ nodes }: NodeCluster): Promise<Taken> {
  const file = join(nodes[0]?.process.dataDirectory ?? "", coordinatorFile);
  const database = new DatabaseSync(file, { timeout: attachMsMax });
  database.exec("BEGIN EXCLUSIVE");
  return {
    how: "its file is locked",
    giveBack: async () => {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}

async function killServer({ etcd }: Backends): Promise<Taken> {
  const harm = etcd.process;
  if (harm === undefined) throw new Error("etcd is a server that others may use");
  await harm.kill();
  return { how: "etcd is dead", giveBack: () => harm.start() };
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
): Promise<Pick<Outage, "attaches" | "attachMs">> {
  const finding = startFinding("devices attach while the coordinator is away");
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
