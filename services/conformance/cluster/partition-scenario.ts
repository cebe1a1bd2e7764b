import { LinkState } from "../../../gen/parley/admin/v1/node_pb.ts";
import { type Finding, startFinding } from "../../history/finding.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import {
  checkEach,
  checkOutage,
  describeBefore,
  describeFailures,
  describeOutage,
  describeRun,
  describeTimes,
} from "./cluster-figures.ts";
import { type RunningCluster, type RunOptions, runUnderLoad } from "./cluster-run.ts";
import type { MeshProxy, Path } from "./mesh-proxy.ts";
import { type ClusterNode, linksOf } from "./node-cluster.ts";
import { type Absence, outageAround, outageWindowMs, type PlacedSend, tooFewSends } from "./outage.ts";

/** From the start of the load to the first cut, in milliseconds. */
const restMs = 3_000;

/** From a burst of all users to the cut, at most, in milliseconds: some of it is on its way then. */
const cutAfterMsMax = 30;

/** After so long a cut is a state to live with: every send that begins later is judged, in milliseconds. */
const settledMs = 5_000;

/** A send takes at least so long when its owner cannot be heard, in milliseconds: until that one is suspected. */
const noticedMsMin = 1_000;

/** Which paths of one node are cut: all, those on which it speaks, or those on which it hears. */
export type CutKind = "both ways" | "from it" | "to it";

/** One cut of a random node from all others. */
export interface Cut {
  readonly kind: CutKind;
  readonly seconds: number;
}

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface PartitionOptions extends RunOptions {
  readonly cuts: readonly Cut[];
  /** From the end of each cut to the next one or the end, in seconds. */
  readonly calmSeconds: number;
  /**
   * What the 99th percentile of the outage may be, and the worst send in a lasting cut, in milliseconds;
   * undefined: told and not judged.
   */
  readonly outageMsMax: number | undefined;
  readonly progress?: Progress;
}

interface CutOff extends Absence, Cut {
  readonly underWay: number;
  /** What it said of its links at the end of the cut. */
  readonly links: ReadonlyMap<string, LinkState>;
  /** From the end of the cut until all nodes were linked again, in milliseconds. */
  readonly linkedMs: number;
}

/**
 * Cuts a random one of three nodes off from the others in the middle of the load, one after the other. Its clients stay,
 * and both sides go on serving what they are asked.
 */
export async function runPartition(options: PartitionOptions): Promise<ScenarioReport> {
  const size = { ...options, behindProxy: true };
  const { outcome, told: cuts } = await runUnderLoad(size, (running) => cutAll(running, options));
  const sends = outcome.load.placed;
  const moments = cuts.flatMap(({ beganMs, endedMs }) => [beganMs, endedMs]);
  const outage = outageAround(moments, outageWindowMs, { sends, absences: cuts });
  const lasting = timesWhileSettled(cuts, sends);
  const { outageMsMax } = options;
  return {
    findings: [
      ...outcome.findings,
      ...checkOutage([...outage.elsewhere, ...outage.atAbsent], outageMsMax, "of all clients"),
      ...(outageMsMax === undefined
        ? []
        : [checkEach(lasting, outageMsMax, `a lasting cut delays no send by more than ${outageMsMax} ms`)]),
      checkSaysSo(cuts),
    ],
    figures: [
      ["a random node cut off from the two others", `${cuts.length} times, seed ${options.seed}`],
      ...cuts.map((cut, index) => [`cut ${index + 1}`, describeCut(cut)] as const),
      ...describeRun(outcome),
      describeBefore(outage),
      ...describeOutage(`within ${outageWindowMs / 1000} s of a cut or its end`, outage),
      [`time to acknowledgement later than ${settledMs / 1000} s in a cut`, describeTimes(lasting)],
      [
        "from the acknowledgement until a device had stored it, over the whole run",
        describeTimes(outcome.deliveries.delaysMs(outcome.load.journal.sends), "deliveries"),
      ],
    ],
    void: [
      ...(tooFewSends(outage.atAbsent, outageMsMax)
        ? ["too few sends of clients of the node that was cut off"]
        : []),
      ...(Math.max(0, ...outage.elsewhere, ...outage.atAbsent) < noticedMsMin
        ? ["nobody noticed a cut"]
        : []),
      ...describeFailures(outcome.members),
    ],
  };
}

async function cutAll(running: RunningCluster, options: PartitionOptions): Promise<CutOff[]> {
  const { cuts, calmSeconds, progress } = options;
  const done: CutOff[] = [];
  await pause(restMs);
  for (const cut of cuts) {
    const cutOff = await cutOnce(running, cut);
    done.push(cutOff);
    progress?.(describeCut(cutOff));
    await pause(calmSeconds * 1000);
  }
  return done;
}

async function cutOnce({ cluster, load, rng }: RunningCluster, cut: Cut): Promise<CutOff> {
  const proxy = proxyOf(cluster);
  const victim = rng.pick(cluster.nodes);
  load.burst();
  await pause(rng.fraction() * cutAfterMsMax);
  const underWay = load.journal.unsettled;
  const beganMs = performance.now();
  proxy.cut(pathsOf(cut.kind, victim, cluster.nodes));
  await pause(cut.seconds * 1000);
  const links = await linksOf(victim);
  proxy.heal();
  const endedMs = performance.now();
  await cluster.linked();
  const linkedMs = performance.now() - endedMs;
  return { ...cut, nodeId: victim.nodeId, beganMs, endedMs, underWay, links, linkedMs };
}

function proxyOf({ proxy }: { readonly proxy: MeshProxy | undefined }): MeshProxy {
  if (proxy === undefined) throw new Error("a partition needs a proxy between the nodes");
  return proxy;
}

function pathsOf(kind: CutKind, { nodeId }: ClusterNode, nodes: readonly ClusterNode[]): readonly Path[] {
  return nodes.flatMap((other) => {
    if (other.nodeId === nodeId) return [];
    const away = { from: nodeId, to: other.nodeId };
    const back = { from: other.nodeId, to: nodeId };
    return [...(kind === "to it" ? [] : [away]), ...(kind === "from it" ? [] : [back])];
  });
}

/** The times to acknowledgement of sends that began when everybody had had time to notice, in milliseconds. */
function timesWhileSettled(cuts: readonly CutOff[], sends: readonly PlacedSend[]): number[] {
  return sends.flatMap(({ send: { beganMs, outcome } }) => {
    const isIn = cuts.some((cut) => beganMs > cut.beganMs + settledMs && beganMs < cut.endedMs);
    return isIn && outcome.kind === "acknowledged" ? [outcome.endedMs - beganMs] : [];
  });
}

function checkSaysSo(cuts: readonly CutOff[]): Finding {
  const finding = startFinding("the node that is cut off says so");
  for (const { nodeId, links } of cuts) {
    for (const [other, state] of links) {
      finding.examine();
      if (state === LinkState.UP) finding.violate(`${nodeId} said that its link to ${other} was up`);
    }
  }
  return finding.finish();
}

function describeCut({ nodeId, kind, seconds, underWay, linkedMs }: CutOff): string {
  return `${nodeId}, ${kind}, for ${seconds} s; ${underWay} sends under way; all linked again after ${Math.round(linkedMs)} ms`;
}
