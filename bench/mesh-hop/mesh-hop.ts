import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { FigureTable } from "../figures.ts";
import { type Child, startChild } from "../processes/child.ts";
import { processorTimeOfAll } from "../processes/process-usage.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import { whilePending } from "../processes/while-pending.ts";
import { percentile } from "../statistics.ts";
import type { HopPeerTasks } from "./hop-peer.ts";
import { type MeshKind, type ParleyHop, startParleyHop } from "./parley-hop.ts";

const probesPerSecond = 250;
const intervalMs = 1_000 / probesPerSecond;
const warmProbes = 100;
const warmRounds = 2;
const sampleEveryMs = 500;
const peerLoadSecondsMax = 2;

/** Where the receivers are, by kind. */
const kinds = ["typing at one node", "typing across two nodes"] as const;
const hop = "hop";

/** What the figures of each kind of links are marked with. */
const meshes: readonly { readonly kind: MeshKind; readonly suffix: string }[] = [
  { kind: "cleartext", suffix: "" },
  { kind: "mutual TLS", suffix: ", mutual TLS" },
];

const peers = [
  { name: "grpc-js unary", script: new URL("unary-peer.ts", import.meta.url) },
  { name: "http2 echo", script: new URL("echo-peer.ts", import.meta.url) },
] as const;

/** What it costs that an event goes from one node to another one. */
export const meshHopBenchmark: Benchmark = { name: "mesh-hop", title: "From node to node", run: measureHops };

interface Measuring {
  readonly settings: BenchSettings;
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

/** Nodes with one kind of links between them. */
interface MeasuredHop extends ParleyHop {
  readonly suffix: string;
}

/** Both ends of a peer. */
interface HopPeer {
  readonly name: string;
  readonly sender: Child<HopPeerTasks>;
  readonly receiver: Child<HopPeerTasks>;
}

async function measureHops(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  await using running = new AsyncDisposableStack();
  const hops: MeasuredHop[] = [];
  for (const { kind, suffix } of meshes) {
    const { path: directory } = running.use(scratchDirectory());
    hops.push({ ...(await startParleyHop(running, { ...settings, directory, kind })), suffix });
  }
  const started: HopPeer[] = [];
  for (const peer of peers) started.push(await startPeer(running, peer));
  await warm(hops, started, Math.min(warmProbes, probeCount(settings)));
  const measuring = { settings, table: new FigureTable(), log };
  for (let run = 0; run < settings.runs; run += 1) {
    for (const parley of hops) await measureProbes(parley, measuring);
    for (const peer of started) await measurePeerProbes(peer, measuring);
    for (const parley of hops) await measureLoad(parley, measuring);
    for (const peer of started) await measurePeerLoad(peer, measuring);
  }
  return { figures: compared(measuring.table).figures(), notes: notesOf(settings) };
}

async function startPeer(
  running: AsyncDisposableStack,
  { name, script }: { readonly name: string; readonly script: URL },
): Promise<HopPeer> {
  const receiver = running.use(await startChild<HopPeerTasks>(script));
  const sender = running.use(await startChild<HopPeerTasks>(script));
  await sender.ask("connect", { address: await receiver.ask("listen", undefined) });
  return { name, sender, receiver };
}

/** Just-in-time compilation is not what is measured. */
async function warm(hops: readonly ParleyHop[], started: readonly HopPeer[], count: number): Promise<void> {
  for (const { typists } of hops) {
    await typists.ask("probe", { count, intervalMs });
    for (let round = 0; round < warmRounds; round += 1) {
      for (const kind of kinds.keys()) await typists.ask("load", { kind });
    }
  }
  for (const { sender, receiver } of started) {
    await sender.ask("probe", { count, intervalMs });
    await sender.ask("load", { seconds: count / probesPerSecond });
    await receiver.ask("arrivals", undefined);
  }
}

async function measureProbes(
  { cluster, typists, suffix }: MeasuredHop,
  { settings, table, log }: Measuring,
): Promise<void> {
  const count = probeCount(settings);
  const roundTrips: number[] = [];
  const probing = typists.ask("probe", { count, intervalMs });
  const [same = [], across = []] = await whilePending(probing, async () => {
    await Promise.race([probing, new Promise((resolve) => setTimeout(resolve, sampleEveryMs))]);
    roundTrips.push(...(await cluster.roundTripsMs()));
  });
  for (const share of [0.5, 0.99]) {
    const [one, other] = [percentile(same, share), percentile(across, share)];
    table.add(latencyName(`${kinds[0]}${suffix}`, share), "µs", one);
    table.add(latencyName(`${kinds[1]}${suffix}`, share), "µs", other);
    table.add(latencyName(`${hop}${suffix}`, share), "µs", other - one);
    log(
      `p${share * 100}${suffix}: one node ${one.toFixed(0)} µs, across ${other.toFixed(0)} µs, hop ${(other - one).toFixed(0)} µs`,
    );
  }
  table.add(`links' own ping and pong${suffix}: p50`, "µs", percentile(roundTrips, 0.5) * 1_000);
}

async function measurePeerProbes(peer: HopPeer, { settings, table, log }: Measuring): Promise<void> {
  const { name, sender, receiver } = peer;
  const { sentUs, roundTripUs } = await sender.ask("probe", { count: probeCount(settings), intervalMs });
  const arrivedUs = await receiver.ask("arrivals", undefined);
  const oneWayUs = arrivedUs.map((arrived, index) => arrived - (sentUs[index] ?? Number.NaN));
  for (const share of [0.5, 0.99]) {
    table.add(latencyName(`${name}, there`, share), "µs", percentile(oneWayUs, share));
    table.add(latencyName(`${name}, there and back`, share), "µs", percentile(roundTripUs, share));
  }
  log(
    `${name}: there p50 ${percentile(oneWayUs, 0.5).toFixed(0)} µs, and back p50 ${percentile(roundTripUs, 0.5).toFixed(0)} µs`,
  );
}

/** The same signals to receivers at one node, then at two: what more both nodes need is the price of the hop. */
async function measureLoad(parley: MeasuredHop, { settings, table, log }: Measuring): Promise<void> {
  const { suffix } = parley;
  const loads = kinds.map(() => ({ used: 0, typed: 0, arrived: 0, crossed: 0, frames: 0 }));
  // In turn, so that whatever else the machine does hits both.
  for (let round = 0; round < Math.max(1, settings.seconds / 2); round += 1) {
    for (const [kind, load] of loads.entries()) {
      const before = await readingOf(parley);
      const { typed, arrived } = await parley.typists.ask("load", { kind });
      const after = await readingOf(parley);
      load.typed += typed;
      load.arrived += arrived;
      for (const key of ["used", "crossed", "frames"] as const) load[key] += after[key] - before[key];
    }
  }
  for (const [kind, { used, typed, arrived, crossed }] of loads.entries()) {
    const name = `${kinds[kind] ?? ""}${suffix}`;
    table.add(costName(name), "µs/event", used / arrived);
    table.add(`${name}, under load: signals that arrived`, "%", (arrived / typed) * 100);
    table.add(`${name}, under load: crossings`, "per event", crossed / arrived);
  }
  const [one = Number.NaN, two = Number.NaN] = loads.map(({ used, arrived }) => used / arrived);
  addCost(table, `${hop}${suffix}`, two - one);
  const { crossed = 0, frames = 0 } = loads[1] ?? {};
  table.add(`${hop}${suffix}, under load: events per frame`, "events", crossed / frames);
  log(
    `under load${suffix}: one node ${one.toFixed(1)} µs/event, across ${two.toFixed(1)}, hop ${(two - one).toFixed(1)}`,
  );
}

/** Processor time of both nodes, events that they have sent to one another, and the frames of links that these were in. */
async function readingOf({ cluster }: ParleyHop): Promise<Record<"used" | "crossed" | "frames", number>> {
  const sum = async (name: string): Promise<number> => {
    const values = await Promise.all(cluster.nodes.map((node) => node.metric(`parley_${name}`)));
    return values.reduce((total, value) => total + value, 0);
  };
  const sent = await sum('mesh_events_sent_total{class="ephemeral"}');
  const crossed = sent + (await sum("mesh_relays_total"));
  const frames = await sum("link_frames_sent_total");
  return { used: processorTimeOfAll(cluster.nodes.map(({ pid }) => pid)).total, crossed, frames };
}

async function measurePeerLoad(peer: HopPeer, { settings, table, log }: Measuring): Promise<void> {
  const pids = [peer.sender.pid, peer.receiver.pid];
  const before = processorTimeOfAll(pids).total;
  const events = await peer.sender.ask("load", { seconds: Math.min(peerLoadSecondsMax, settings.seconds) });
  const cost = (processorTimeOfAll(pids).total - before) / events;
  await peer.receiver.ask("arrivals", undefined);
  addCost(table, peer.name, cost);
  log(`${peer.name}: under load ${cost.toFixed(1)} µs/event`);
}

function addCost(table: FigureTable, name: string, cost: number): void {
  table.add(costName(name), "µs/event", cost);
  // A difference of two figures may drown in their noise.
  table.add(perCoreName(name), "events/s", cost > 0 ? 1_000_000 / cost : Number.NaN);
}

function probeCount({ seconds }: BenchSettings): number {
  return Math.max(1, Math.round((seconds * probesPerSecond) / kinds.length));
}

function latencyName(what: string, share: number): string {
  return `${what}: p${share * 100}`;
}

function costName(what: string): string {
  return `${what}, under load: processor time`;
}

function perCoreName(what: string): string {
  return `${what}, under load: per second and core`;
}

function compared(table: FigureTable): FigureTable {
  const [{ suffix: plain } = { suffix: "" }, ...others] = meshes;
  for (const { suffix } of others) {
    for (const share of [0.5, 0.99])
      table.compare(latencyName(`${hop}${suffix}`, share), latencyName(`${hop}${plain}`, share));
    table.compare(costName(`${hop}${suffix}`), costName(`${hop}${plain}`));
  }
  for (const { name } of peers) {
    for (const share of [0.5, 0.99])
      table.compare(latencyName(hop, share), latencyName(`${name}, there`, share));
    table.compare(perCoreName(hop), perCoreName(name));
  }
  return table;
}

function notesOf({ typists }: BenchSettings): string[] {
  return [
    `Two nodes on one machine; ${typists} devices at one of them type (the shortest way of an event: nothing is stored) in ` +
      `direct conversations, to ${typists} devices at the same node and to ${typists} at the other one. All topics are owned by ` +
      "the typists' node, so that a signal crosses from node to node never or once. A hop is the difference of the two: the " +
      "item is encoded, waits for the turn's end, goes over the link and finds its topic there. What both have in common (the " +
      "device's frame in, checks, the frame to the other device) is in neither.",
    `Latency: one signal at a time, the next one ${intervalMs} ms after the last one began, to both kinds in turn; from the write ` +
      "of a device to the frame at the other one, both in one process. The p99 of a hop is the difference of two p99s. The " +
      "ping of a link is what ListNodes tells of it meanwhile.",
    "Mutual TLS: two further nodes with certificates of `parley cert`, all else alike; links are secured, clients' streams are not.",
    "Load: one write of a device types to up to 64 others, which fill one frame of the link and are 64 frames to devices, at " +
      "one node as across; each pair about once a second, which is what a node passes on. Processor time is that of both nodes, " +
      "so a hop's is that of both ends. It is the processor time that is measured, not a link at its limit: the edges, " +
      "which cost more than a hop, are full before. As the difference of two larger figures it takes a quiet machine.",
    "`grpc-js unary` (documentation: a `Server`, one client on one channel): a call for each event, 64 under way under load. " +
      "`http2 echo` (documentation of `node:http2`: one session, one stream): writes of one event, of 64 under load. Each is two " +
      "processes and an event of the same size; `there` is from the call to its handler, by the machine's monotonic clock. " +
      "Processor time is of both processes and includes the answers, which are as long as the events.",
  ];
}
