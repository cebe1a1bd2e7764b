import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { directConversationId, type LoggedIn, logIn, makeAccounts } from "../device/accounts.ts";
import type { BacklogAuthor, BacklogTasks } from "../device/backlog-writer.ts";
import type { HeldPosition } from "../device/client-frames.ts";
import type { DevicePlace } from "../device/device-stream.ts";
import type { ReceiverTasks } from "../fan-out/receivers.ts";
import { FigureTable } from "../figures.ts";
import type { PeerTasks } from "../peers/peer-tasks.ts";
import { type Child, startChild } from "../processes/child.ts";
import { ParleyCluster } from "../processes/parley-cluster.ts";
import { manyAccountsFlags } from "../processes/parley-node.ts";
import { processorTimeOf, processorTimeOfAll, timeBetween } from "../processes/process-usage.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import type { ResumingTasks } from "./resuming-devices.ts";

const missedEntries = 20;
const textBytes = 100;
/** Bytes of such an entry as devices get it. */
const entryBytes = 249;
/** Accounts that write what the devices miss; they stay at the nodes that live. */
const authorsMax = 32;
/** Devices that attach at the same time. */
const atOnce = 128;
const killed = 2;

const peers = [
  { name: "ws", script: new URL("../peers/ws-server.ts", import.meta.url) },
  { name: "connect-node", script: new URL("../peers/connect-server.ts", import.meta.url) },
] as const;

/** Processor time of the nodes that live for the return of devices whose node was killed. */
export const resumesBenchmark: Benchmark = {
  name: "resumes",
  title: "Resumes after a kill",
  run: measureResumes,
};

interface Bench {
  readonly settings: BenchSettings;
  readonly cluster: ParleyCluster;
  readonly devices: Child<ResumingTasks>;
  readonly writer: Child<BacklogTasks>;
  readonly accounts: readonly LoggedIn[];
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

async function measureResumes(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  using directory = scratchDirectory();
  await using stack = new AsyncDisposableStack();
  const bench = await startBench(stack, { directory: directory.path, settings, log });
  const { writer, devices, table } = bench;
  await writer.ask("write", backlogOf(bench, { heldSeq: 0, perConversation: 1 }));
  // Warm: just-in-time compilation of the nodes that live is not what is measured.
  const places = placesOf(bench, [0, 1], 1);
  await devices.ask("resume", { places, entries: 0, atOnce });
  for (let run = 0; run < settings.runs; run += 1) {
    if (run > 0) await bench.cluster.add(killed);
    await measureKill(bench, 1 + run * missedEntries);
    for (const peer of peers) await measurePeer(bench, peer);
  }
  for (const { name } of peers) table.compare(costName("Parley"), costName(name));
  return { figures: table.figures(), notes: notesOf(settings) };
}

async function startBench(
  stack: AsyncDisposableStack,
  { directory, settings, log }: { directory: string; settings: BenchSettings; log: (line: string) => void },
): Promise<Bench> {
  const count = authorCount(settings) + settings.resumingDevices;
  makeAccounts(directory, count);
  const flags = [...manyAccountsFlags, "--log-level", "warn"];
  const { profileDirectory } = settings;
  const cluster = stack.use(await ParleyCluster.start(3, { directory, flags, profileDirectory }));
  return {
    settings,
    cluster,
    devices: stack.use(await startChild<ResumingTasks>(new URL("resuming-devices.ts", import.meta.url))),
    writer: stack.use(
      await startChild<BacklogTasks>(new URL("../device/backlog-writer.ts", import.meta.url)),
    ),
    accounts: await logIn(cluster.node(0).public, count),
    table: new FigureTable(),
    log,
  };
}

/** All devices are at the node that is killed, and hold everything up to this number. */
async function measureKill(bench: Bench, heldSeq: number): Promise<void> {
  const { settings, cluster, devices, writer, table, log } = bench;
  await devices.ask("attach", { places: placesOf(bench, [killed], heldSeq) });
  await cluster.end(killed, "SIGKILL");
  await devices.ask("lost", undefined);
  await writer.ask("write", backlogOf(bench, { heldSeq, perConversation: missedEntries }));
  const pids = cluster.nodes.map(({ pid }) => pid);
  const before = processorTimeOfAll(pids);
  const places = placesOf(bench, [0, 1], heldSeq);
  const { seconds, latency } = await devices.ask("resume", { places, entries: missedEntries, atOnce });
  const used = timeBetween(before, processorTimeOfAll(pids));
  const perResume = (microseconds: number): number => microseconds / settings.resumingDevices;
  const perCore = 1_000_000 / perResume(used.total);
  table.add("Parley: resumes per second and core", "/s", perCore);
  table.add(costName("Parley"), "µs", perResume(used.total));
  table.add("Parley: of it the main threads", "µs", perResume(used.main));
  table.add("Parley: of it the databases' threads", "µs", perResume(used.workers));
  table.add(
    "Parley: resumes per second, clients on the same cores",
    "/s",
    settings.resumingDevices / seconds,
  );
  table.add("Parley: from connecting to all entries, p50", "ms", latency.p50);
  table.add("Parley: from connecting to all entries, p99", "ms", latency.p99);
  log(
    `Parley: ${perCore.toFixed(0)} resumes/s and core, ${perResume(used.total).toFixed(0)} µs/resume, all back in ` +
      `${seconds.toFixed(1)} s, p50 ${latency.p50.toFixed(0)} ms, p99 ${latency.p99.toFixed(0)} ms`,
  );
}

async function measurePeer(
  { settings, table, log }: Bench,
  { name, script }: { readonly name: string; readonly script: URL },
): Promise<void> {
  await using server = await startChild<PeerTasks>(script);
  await using clients = await startChild<ReceiverTasks>(new URL("../fan-out/receivers.ts", import.meta.url));
  const url = await server.ask("listen", undefined);
  const count = settings.resumingDevices;
  const before = processorTimeOf(server.pid);
  await clients.ask("connect", { url, count });
  await server.ask("push", { rounds: 1, intervalMs: 0, events: missedEntries, eventBytes: entryBytes });
  await clients.ask("received", { messages: count });
  const used = timeBetween(before, processorTimeOf(server.pid));
  table.add(costName(name), "µs", used.total / count);
  log(`${name}: ${(used.total / count).toFixed(0)} µs for a connection and ${missedEntries} entries`);
}

function costName(server: string): string {
  return server === "Parley"
    ? "Parley: processor time of a resume"
    : `${server}: processor time of a connection and ${missedEntries} entries`;
}

function authorCount({ resumingDevices }: BenchSettings): number {
  return Math.min(authorsMax, resumingDevices);
}

/** The devices' accounts come after those of the authors; each has one conversation, with one of these. */
function conversationsOf({ settings, accounts }: Bench): { readonly author: number; readonly id: string }[] {
  const authors = authorCount(settings);
  return accounts.slice(authors).map(({ accountId }, index) => {
    const author = index % authors;
    return { author, id: directConversationId(accountId, accounts[author]?.accountId ?? "") };
  });
}

/** Where the devices attach: at these nodes in turn. */
function placesOf(bench: Bench, nodes: readonly number[], heldSeq: number): DevicePlace[] {
  const devices = bench.accounts.slice(authorCount(bench.settings));
  const servers = nodes.map((index) => bench.cluster.node(index).public);
  return conversationsOf(bench).map(({ id }, index) => ({
    server: servers[index % servers.length] ?? "",
    accessToken: devices[index]?.accessToken ?? "",
    held: [{ conversationId: id, seq: heldSeq }],
  }));
}

function backlogOf(
  bench: Bench,
  { heldSeq, perConversation }: { readonly heldSeq: number; readonly perConversation: number },
): Parameters<BacklogTasks["write"]>[0] {
  const conversations = conversationsOf(bench);
  const authors = bench.accounts
    .slice(0, authorCount(bench.settings))
    .map((account, author): BacklogAuthor => {
      const conversationIds = conversations.filter((one) => one.author === author).map(({ id }) => id);
      const held = conversationIds.map((conversationId): HeldPosition => ({ conversationId, seq: heldSeq }));
      const server = bench.cluster.node(author % 2).public;
      return { server, accessToken: account.accessToken, held, conversationIds };
    });
  return { authors, perConversation, textBytes, run: heldSeq.toString(16).padStart(8, "0") };
}

function notesOf({ resumingDevices }: BenchSettings): string[] {
  return [
    `Three nodes on one machine and directory; ${resumingDevices} devices of as many accounts, each with a direct conversation, ` +
      `are attached to one of them, which is killed (SIGKILL). Then ${missedEntries} messages of ${textBytes} bytes are ` +
      `committed to each conversation, at the other two nodes, and all devices attach there with their positions: no more than ` +
      `${atOnce} at once, each on a new connection. A resume is over when the device is caught up and has exactly its ` +
      `${missedEntries} entries.`,
    "Processor time is that of the two nodes that live, all of their threads, while the devices come back; resumes per second " +
      "and core is its reciprocal. It is no time on the clock: clients and nodes share the machine's cores.",
    "`session.attachesPerSecond` is raised, like the rates of one address, which all accounts share here; a node's default is " +
      "500 a second.",
    `\`ws\` and \`connect-node\`, set up as above, take as many connections and then push one message of ${missedEntries} times ` +
      `${entryBytes} bytes to each: nothing is looked up, authenticated or acknowledged.`,
  ];
}
