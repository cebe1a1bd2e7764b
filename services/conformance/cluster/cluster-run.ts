import { checkAtRest, type NodeReading, unrestOf } from "../../history/at-rest.ts";
import { checkHistory } from "../../history/check-history.ts";
import { supersededMsMax } from "../../history/fencing-checks.ts";
import { type Finding, startFinding } from "../../history/finding.ts";
import type { ListedLog, ObserverHistory } from "../../history/history.ts";
import { type SeededRng, seededRng } from "../../testkit/seeded-rng.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { Device } from "../harness/device.ts";
import type { DeviceTally } from "../harness/device-tally.ts";
import { LeftBehindLinks } from "../harness/left-behind-links.ts";
import type { Way } from "../harness/link.ts";
import { listLog } from "../harness/listed-log.ts";
import { loadFlags } from "../harness/load-flags.ts";
import {
  awaitConvergence,
  createGroup,
  directsOf,
  observersOf,
  readersOf,
  readLogs,
} from "../harness/member.ts";
import { readOwnMetrics } from "../harness/metrics-page.ts";
import { checkNoBug } from "../harness/no-bug.ts";
import { registerUsers, type User } from "../harness/user.ts";
import type { BackendKind } from "./backends.ts";
import { ClusterLoad, type ClusterMember, type LoadPace } from "./cluster-load.ts";
import { Deliveries } from "./deliveries.ts";
import { type ClusterNode, type NodeCluster, ownersOf, startCluster } from "./node-cluster.ts";
import { RoamingUser } from "./roaming-user.ts";

/** Nodes of every scenario: a death leaves two, so that ownership is still shared. */
const nodeCount = 3;

/** Members of a small group, beside the one group that all users are in. */
const smallGroupSize = 5;

/** How long everything may take to settle and to converge after the last fault, in milliseconds. */
const settleMsMax = 60_000;

/** A stream that a device left behind is silent within this time after the last fault, or never; in milliseconds. */
const silentMsMax = supersededMsMax + 20_000;

/** After the last device has gone nodes come to rest within this time, in milliseconds: one that polled is missed late. */
const restMsMax = 120_000;

/** How long all devices may take to attach at the start, in milliseconds. */
const attachedMsMax = 60_000;

const ways: readonly Way[] = ["attach", "receive", "attach", "poll", "attach"];

/** A cluster under load, as a scenario sees it. */
export interface RunningCluster {
  readonly cluster: NodeCluster;
  readonly members: readonly ClusterMember[];
  readonly load: ClusterLoad;
  readonly rng: SeededRng;
  readonly deliveries: Deliveries;
  /** Streams that devices left open behind them; undefined when they break them. */
  readonly leftBehind: LeftBehindLinks | undefined;
}

/** What every scenario chooses. */
export interface RunOptions extends LoadPace {
  /** Users that send, spread over the nodes. */
  readonly users: number;
  readonly seed: number;
  /** Puts a proxy between the nodes, so that paths between them can be cut. */
  readonly behindProxy?: boolean;
  /** Waits at the end until the nodes hold nothing for anybody any more, a minute or so, and judges it. */
  readonly awaitRest?: boolean;
  /** A shared directory unless told otherwise. */
  readonly backends?: BackendKind;
  /** Devices that break off leave their streams open behind them, so that fencing is judged. */
  readonly leaveBehind?: boolean;
}

/** A run that has come to rest, and what the checkers say of it. */
export interface ClusterOutcome extends RunningCluster {
  readonly findings: readonly Finding[];
  readonly logs: readonly ListedLog[];
  /** What the devices had lived through by then, before they were stopped. */
  readonly tallies: readonly DeviceTally[];
  /** From the last outcome of a send until everything was listed and all devices had converged, in milliseconds. */
  readonly convergeMs: number;
}

/**
 * Starts a cluster, lets users who are spread over its nodes send while `meanwhile` runs, waits until all is settled,
 * and checks the whole history. Whatever happens, nothing of it goes on afterwards.
 */
export async function runUnderLoad<T>(
  options: RunOptions,
  meanwhile: (running: RunningCluster) => Promise<T>,
): Promise<{ readonly outcome: ClusterOutcome; readonly told: T }> {
  const { users, seed, awaitRest = false, leaveBehind = false } = options;
  await using running = new AsyncDisposableStack();
  const cluster = running.use(await startCluster(nodeCount, { ...options, flags: loadFlags }));
  const rng = seededRng(seed);
  const deliveries = new Deliveries();
  const leftBehind = leaveBehind ? running.use(new LeftBehindLinks()) : undefined;
  const members = await gather(cluster, users, { rng, deliveries, leftBehind });
  for (const { device } of members) running.use(device.start());
  await waitUntil("all devices are attached", () => members.every(({ device }) => device.isOpen), {
    timeoutMs: attachedMsMax,
  });
  const load = new ClusterLoad(members, options).start();
  running.defer(() => load.stop());
  const run = { cluster, members, load, rng, deliveries, leftBehind };
  const told = await meanwhile(run);
  const calmFromMs = performance.now();
  load.end();
  const outcome = await settle(run, calmFromMs);
  if (!awaitRest) return { outcome, told };
  await Promise.all(members.map(({ device }) => device.stop()));
  return { outcome: { ...outcome, findings: [...outcome.findings, await checkRest(cluster)] }, told };
}

/** The node that owns a conversation, or any when that one is not among them. */
export async function ownerOf(
  { cluster, rng }: RunningCluster,
  conversationId: string,
): Promise<ClusterNode> {
  const [owner] = await ownersOf(cluster.nodes[0], conversationId);
  return cluster.nodes.find(({ nodeId }) => nodeId === owner) ?? rng.pick(cluster.nodes);
}

async function gather(
  cluster: NodeCluster,
  count: number,
  { rng, deliveries, leftBehind }: Pick<RunningCluster, "rng" | "deliveries" | "leftBehind">,
): Promise<ClusterMember[]> {
  const perNode = cluster.servers.map((server, index) => {
    const share = Math.floor(count / nodeCount) + (index < count % nodeCount ? 1 : 0);
    return registerUsers(server, `user${index}x`, share);
  });
  const homes = (await Promise.all(perNode)).flatMap((users, home) => users.map((user) => ({ user, home })));
  const users = homes.map(({ user }) => user);
  const groups = await createGroups(users);
  return homes.map(({ user, home }, index) => {
    const roaming = new RoamingUser(user, cluster, home);
    const way = ways[index % ways.length] ?? "attach";
    const place = (address?: string): User => roaming.nextPlace(address);
    return {
      device: new Device({
        user,
        way,
        place,
        onStored: (entry) => deliveries.note(entry),
        ...(leftBehind && { open: leftBehind.open }),
      }),
      conversations: [...(groups.get(user) ?? []), ...directsOf(users, index)],
      roaming,
      rng: rng.fork(),
    };
  });
}

/** One group of all, and small ones whose members are at all nodes. */
async function createGroups(users: readonly User[]): Promise<ReadonlyMap<User, readonly string[]>> {
  const smallCount = Math.ceil(users.length / smallGroupSize);
  const small = Array.from({ length: smallCount }, (_, group) =>
    users.filter((_user, index) => index % smallCount === group),
  );
  const groups = new Map<User, string[]>(users.map((user) => [user, []]));
  for (const [index, members] of [users, ...small].entries()) {
    const id = await createGroup(`group ${index}`, members);
    for (const member of members) groups.get(member)?.push(id);
  }
  return groups;
}

async function settle(run: RunningCluster, calmFromMs: number): Promise<ClusterOutcome> {
  const { load, members, cluster, leftBehind } = run;
  const { sends } = load.journal;
  await waitUntil("all sends settled", () => load.journal.unsettled === 0, { timeoutMs: settleMsMax });
  await load.ended();
  const settledMs = performance.now();
  const logs = await readLogs(members);
  await awaitConvergence(members, logs, settleMsMax);
  const convergeMs = performance.now() - settledMs;
  const observers = [...observersOf(members), ...(await listEverywhere(run))];
  // What does not end is what a checker then names.
  const isSilent = (): boolean => leftBehind === undefined || leftBehind.size === 0;
  await waitUntil("all is silent", isSilent, { timeoutMs: silentMsMax }).catch(() => undefined);
  const streams = leftBehind && { streams: { records: leftBehind.records, calmFromMs } };
  const findings = checkHistory({ sends, logs, observers, reads: load.reads, ...streams });
  const bugs = cluster.nodes.map(async ({ nodeId, process }) => {
    const finding = await checkNoBug(process);
    return { ...finding, check: `${finding.check} (${nodeId})` };
  });
  const whole = await checkWhole(cluster);
  const tallies = members.map(({ device }) => ({ ...device.tally }));
  return { ...run, findings: [...findings, whole, ...(await Promise.all(bugs))], logs, tallies, convergeMs };
}

/** Waits until the nodes hold nothing for anybody any more, or says what is left. */
async function checkRest({ nodes }: NodeCluster): Promise<Finding> {
  const read = (): Promise<NodeReading[]> =>
    Promise.all(
      nodes.map(async ({ nodeId, process }) => ({ nodeId, metrics: await readOwnMetrics(process.adminUrl) })),
    );
  const isResting = async (): Promise<boolean> => unrestOf(await read()).length === 0;
  await waitUntil("all nodes are at rest", isResting, { timeoutMs: restMsMax }).catch(() => undefined);
  return checkAtRest(await read());
}

/** Every node has come back to the others, by itself. */
async function checkWhole(cluster: NodeCluster): Promise<Finding> {
  const finding = startFinding("all nodes are linked again");
  for (const _ of cluster.nodes) finding.examine();
  await cluster.linked().catch((error: unknown) => finding.violate(String(error)));
  return finding.finish();
}

/** Each conversation as each node lists it: a node is judged like one more observer. */
async function listEverywhere({ members, cluster }: RunningCluster): Promise<ObserverHistory[]> {
  const readers = readersOf(members);
  const lists: ObserverHistory[] = [];
  for (const { nodeId, process } of cluster.nodes) {
    for (const [conversationId, user] of readers) {
      const { entries } = await listLog(user.at(process.publicUrl), conversationId);
      lists.push({ deviceId: `the list of ${nodeId}`, conversationId, entries });
    }
  }
  return lists;
}
