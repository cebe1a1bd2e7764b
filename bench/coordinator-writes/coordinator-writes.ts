import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { type LoggedIn, logIn, makeAccounts } from "../device/accounts.ts";
import type { DevicePlace } from "../device/device-stream.ts";
import { FigureTable } from "../figures.ts";
import { type Child, startChild } from "../processes/child.ts";
import { ParleyCluster } from "../processes/parley-cluster.ts";
import { manyAccountsFlags, type ParleyNode } from "../processes/parley-node.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import { waitUntil } from "../processes/wait-until.ts";
import type { ResumingTasks } from "../resumes/resuming-devices.ts";
import { otherWrites } from "./write-tally.ts";
import { type Writes, WritesWatch } from "./writes-watch.ts";

/** Nodes that stay, and the one that comes and goes, counted from 0. */
const stayingNodes = 3;
const guest = stayingNodes;

/** Milliseconds until the other nodes no longer list one that has ended: a lease and some. */
const unlistedMsMax = 30_000;

/** A node tells the others its load in steps of a hundredth; with so many places these devices are less than one. */
const flags = [...manyAccountsFlags, "--log-level", "warn", "--session-devices-max", "200000"];

/** What nodes write to the coordinator at rest, when clients come and go, and when nodes do. */
export const coordinatorWritesBenchmark: Benchmark = {
  name: "coordinator-writes",
  title: "Writes to the coordinator",
  run: measureWrites,
};

interface Bench {
  readonly settings: BenchSettings;
  readonly cluster: ParleyCluster;
  readonly watch: WritesWatch;
  readonly devices: Child<ResumingTasks>;
  readonly accounts: readonly LoggedIn[];
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

async function measureWrites(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  using directory = scratchDirectory();
  await using stack = new AsyncDisposableStack();
  const { joiningDevices, profileDirectory } = settings;
  makeAccounts(directory.path, joiningDevices);
  const options = { directory: directory.path, flags, profileDirectory };
  const cluster = stack.use(await ParleyCluster.start(stayingNodes, options));
  const script = new URL("../resumes/resuming-devices.ts", import.meta.url);
  const devices = stack.use(await startChild<ResumingTasks>(script));
  const accounts = await logIn(cluster.node(0).public, joiningDevices);
  const table = new FigureTable();
  const bench = { settings, cluster, watch: new WritesWatch(cluster), devices, accounts, table, log };
  // Learns when each node wrote last.
  await bench.watch.during(nothing, Math.min(3, settings.seconds));
  for (let run = 0; run < settings.runs; run += 1) {
    await measureRest(bench);
    await measureDevices(bench);
    await measureGuest(bench);
    await measureKill(bench);
  }
  table.compare(heartbeatsName(attachedName(bench)), heartbeatsName("at rest"));
  return { figures: table.figures(), notes: notesOf(settings) };
}

async function measureRest(bench: Bench): Promise<void> {
  const { cluster, settings, table } = bench;
  const before = await sumOf(cluster, transactions);
  const writes = await bench.watch.during(nothing, settings.seconds);
  addAll(bench, "at rest", writes);
  const nodeSeconds = writes.seconds * stayingNodes;
  const made = (await sumOf(cluster, transactions)) - before;
  table.add("at rest: transactions on the coordinator's file", "per second and node", made / nodeSeconds);
}

/** Devices attach to all nodes in turn, so that most of their topics are owned by other nodes; then they leave. */
async function measureDevices(bench: Bench): Promise<void> {
  const { cluster, devices, accounts, settings, table, watch } = bench;
  const places = accounts.map(({ accessToken }, index): DevicePlace => {
    return { server: cluster.node(index % stayingNodes).public, accessToken };
  });
  const attached = await watch.during(() => devices.ask("attach", { places }), settings.seconds);
  addAll(bench, attachedName(bench), attached);
  table.add(
    `${attachedName(bench)}: topics joined at other nodes`,
    "topics",
    await sumOf(cluster, joinedTopics),
  );
  // Topics are left five seconds after the last device.
  const left = await watch.during(() => devices.ask("attach", { places: [] }), settings.seconds * 1.25);
  addAll(bench, `${settings.joiningDevices} devices leave`, left);
}

/** A node joins, is drained, and ends. */
async function measureGuest(bench: Bench): Promise<void> {
  const { cluster, settings, watch } = bench;
  const pause = settings.seconds / 2;
  const joined = await watch.during(async () => void (await cluster.add(guest)), pause);
  const node = cluster.node(guest);
  addOwn(bench, "a node joins", { writes: joined, node });
  const drained = await watch.during(() => cluster.drain(guest), pause);
  addOwn(bench, "a node is drained", { writes: drained, node });
  const ended = await watch.during(() => endGuest(cluster, "SIGTERM"), pause);
  addOthers(bench, "a node ends by SIGTERM", ended);
}

async function measureKill(bench: Bench): Promise<void> {
  const { cluster, watch } = bench;
  await cluster.add(guest);
  // So that nothing of the join is left.
  await watch.during(nothing, bench.settings.seconds / 2);
  addOthers(bench, "a node is killed", await watch.during(() => endGuest(cluster, "SIGKILL"), 0));
}

async function endGuest(cluster: ParleyCluster, signal: NodeJS.Signals): Promise<void> {
  await cluster.end(guest, signal);
  const isUnlisted = async (): Promise<boolean> =>
    (await sumOf(cluster, "parley_membership_nodes")) === stayingNodes * stayingNodes;
  await waitUntil("all nodes to drop the one that ended", isUnlisted, unlistedMsMax, 100);
}

const transactions = 'parley_sqlite_transaction_writes_count{database="cluster"}';
const joinedTopics = "parley_mesh_topics_joined";

async function sumOf(cluster: ParleyCluster, metric: string): Promise<number> {
  const values = await Promise.all(cluster.nodes.map((node) => node.metric(metric)));
  return values.reduce((sum, value) => sum + value, 0);
}

async function nothing(): Promise<void> {}

function addAll({ table, log }: Bench, phase: string, { byNode, seconds }: Writes): void {
  const nodes = [...byNode.values()];
  const heartbeats = nodes.reduce((sum, node) => sum + node.heartbeats, 0) / seconds / nodes.length;
  const others = nodes.reduce((sum, node) => sum + otherWrites(node), 0);
  table.add(heartbeatsName(phase), "per second and node", heartbeats);
  table.add(`${phase}: other writes`, "writes", others);
  log(`${phase}: ${heartbeats.toFixed(2)} heartbeats per second and node, ${others} other writes`);
}

/** A node that comes or goes, and what all others make of it. */
function addOwn(bench: Bench, phase: string, { writes, node }: { writes: Writes; node: ParleyNode }): void {
  const own = writes.byNode.get(node);
  const count = own === undefined ? Number.NaN : otherWrites(own);
  bench.table.add(`${phase}: its own writes`, "writes", count);
  bench.log(`${phase}: ${count} writes of its own`);
  addOthers(bench, phase, { ...writes, byNode: new Map([...writes.byNode].filter(([one]) => one !== node)) });
}

function addOthers({ table, log }: Bench, phase: string, { byNode }: Writes): void {
  const count = [...byNode.values()].reduce((sum, writes) => sum + otherWrites(writes), 0);
  table.add(`${phase}: writes of the other nodes`, "writes", count);
  log(`${phase}: ${count} writes of the other nodes`);
}

function attachedName({ settings }: Pick<Bench, "settings">): string {
  return `${settings.joiningDevices} devices attach`;
}

function heartbeatsName(phase: string): string {
  return `${phase}: heartbeats`;
}

function notesOf({ joiningDevices }: BenchSettings): string[] {
  return [
    "Three nodes on one directory, with the embedded coordinator; a fourth one joins, is drained (DrainNode), ends by SIGTERM, " +
      "joins again and is killed. Counted are the calls that change the list of nodes (`parley_coordinator_writes_total`: join, " +
      "renewal, leave), looked at ten times a second. A renewal at its time (2.5 s after the node's last write) is a heartbeat; " +
      "one that comes earlier, because the node has something new to say of itself, is another write, like a join or a leave.",
    `${joiningDevices} devices attach to the three nodes in turn and leave again: their topics are joined and left at their owners ` +
      "through the links, which the coordinator never hears of. (A node does tell its load, in steps of a hundredth of " +
      "`session.devicesMax`, which is raised here so that the devices are less than one step.)",
    "What a node writes when it ends by SIGTERM (that it drains, and that it leaves) is not seen, because its metrics go before it " +
      "does. A node that is killed is dropped by the others after its lease, 10 s, without a counted call of anybody: a row of the " +
      "embedded coordinator goes with a look.",
    "The transactions on the coordinator's file are more than these calls: each process looks at all rows once a second, and a look " +
      "is a write, so that a locked file counts as nobody's death.",
  ];
}
