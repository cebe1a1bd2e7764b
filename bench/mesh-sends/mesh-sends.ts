import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { directConversationId, type LoggedIn, logIn, makeAccounts } from "../device/accounts.ts";
import type { DevicePlace } from "../device/device-stream.ts";
import { FigureTable } from "../figures.ts";
import { type Child, startChild } from "../processes/child.ts";
import { ParleyCluster } from "../processes/parley-cluster.ts";
import { manyAccountsFlags, type ParleyNode } from "../processes/parley-node.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import { measureLoad } from "../sends/measure-load.ts";
import type { Sender, SendLoadTasks } from "../sends/send-load.ts";

const inFlight = 1;
const textBytes = 100;
const warmSecondsMax = 3;

const setUps = [
  { name: "three nodes", nodes: 3 },
  { name: "one node", nodes: 1 },
] as const;

/** Durable sends between devices that are attached to different nodes, beside the same load on one node. */
export const meshSendsBenchmark: Benchmark = {
  name: "mesh-sends",
  title: "Durable sends over three nodes",
  run: measureMeshSends,
};

/** Nodes with all pairs attached, and their load generator. */
interface Subject {
  readonly name: string;
  readonly nodes: readonly ParleyNode[];
  readonly load: Child<SendLoadTasks>;
}

async function measureMeshSends(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  using stack = new DisposableStack();
  await using running = new AsyncDisposableStack();
  const subjects: Subject[] = [];
  for (const { name, nodes } of setUps) {
    const directory = stack.use(scratchDirectory()).path;
    subjects.push(await startSubject(running, { name, count: nodes, directory, settings }));
  }
  const table = new FigureTable();
  for (let run = 0; run < settings.runs; run += 1) {
    for (const subject of subjects) await measureSubject(subject, { settings, table, log });
  }
  compareSetUps(table, settings);
  return { figures: table.figures(), notes: notesOf(settings) };
}

async function startSubject(
  running: AsyncDisposableStack,
  options: {
    readonly name: string;
    readonly count: number;
    readonly directory: string;
    readonly settings: BenchSettings;
  },
): Promise<Subject> {
  const { name, count, directory, settings } = options;
  makeAccounts(directory, settings.pairs * 2);
  const flags = [...manyAccountsFlags, "--log-level", "warn"];
  const { profileDirectory } = settings;
  const { nodes } = running.use(await ParleyCluster.start(count, { directory, flags, profileDirectory }));
  const load = running.use(
    await startChild<SendLoadTasks>(new URL("../sends/send-load.ts", import.meta.url)),
  );
  const accounts = await logIn(nodes[0]?.public ?? "", settings.pairs * 2);
  await load.ask("attach", { ...pairsOf(accounts, nodes), textBytes, run: "00000001" });
  // Warm: just-in-time compilation is not what is measured.
  await load.ask("closedLoop", { seconds: Math.min(warmSecondsMax, settings.seconds), inFlight });
  return { name, nodes, load };
}

/** Even accounts send to odd ones, which are attached to the next node, or to the one after that. */
function pairsOf(
  accounts: readonly LoggedIn[],
  nodes: readonly ParleyNode[],
): { readonly senders: Sender[]; readonly receivers: DevicePlace[] } {
  const serverOf = (index: number): string => nodes[index % nodes.length]?.public ?? "";
  const senders: Sender[] = [];
  const receivers: DevicePlace[] = [];
  for (let pair = 0; pair < accounts.length / 2; pair += 1) {
    const [one, other] = accounts.slice(2 * pair);
    if (one === undefined || other === undefined) break;
    const conversationId = directConversationId(one.accountId, other.accountId);
    const distance = 1 + (Math.floor(pair / nodes.length) % 2);
    senders.push({ server: serverOf(pair), accessToken: one.accessToken, conversationId });
    receivers.push({ server: serverOf(pair + distance), accessToken: other.accessToken });
  }
  return { senders, receivers };
}

interface Measuring {
  readonly settings: BenchSettings;
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

async function measureSubject(subject: Subject, { settings, table, log }: Measuring): Promise<void> {
  const { nodes, load } = subject;
  const { seconds, sendsPerSecond } = settings;
  await measureLoad({ nodes, table, log }, closedName(subject.name), () =>
    load.ask("closedLoop", { seconds, inFlight }),
  );
  await measureLoad({ nodes, table, log }, openName(subject.name, sendsPerSecond), () =>
    load.ask("openLoop", { seconds, perSecond: sendsPerSecond }),
  );
}

function closedName(setUp: string): string {
  return `${setUp}, closed loop`;
}

function openName(setUp: string, perSecond: number): string {
  return `${setUp}, open loop at ${perSecond}/s`;
}

function compareSetUps(table: FigureTable, { sendsPerSecond }: BenchSettings): void {
  const [three, one] = setUps;
  table.compare(closedName(three.name), closedName(one.name));
  const names = [closedName, (setUp: string) => openName(setUp, sendsPerSecond)];
  for (const nameOf of names) {
    for (const latency of ["ack p50", "ack p99"]) {
      table.compare(`${nameOf(three.name)}: ${latency}`, `${nameOf(one.name)}: ${latency}`);
    }
    table.compare(
      `${nameOf(three.name)}: processor time of the nodes`,
      `${nameOf(one.name)}: processor time of the node`,
    );
  }
}

function notesOf({ pairs }: BenchSettings): string[] {
  return [
    `${pairs} pairs of accounts, each account with one attached device (gRPC over a connection of its own), and a direct ` +
      `conversation for each pair, in which one of the two sends texts of ${textBytes} bytes. With three nodes the two are ` +
      "attached to different ones, all pairs of nodes alike, and the owner of a conversation is any of the three. All three " +
      "are processes of this machine, on one data directory: they share its cores and one SQLite file.",
    `The closed loop keeps ${inFlight} send of each sender unanswered; the open loop starts sends at its rate, and counts ` +
      "latency from the time at which a send was due; what is made again, goes on counting. A run fails unless both devices of each pair have got every entry.",
    "Processor time is that of all nodes together. A run on one node is the same load with all devices attached to one, on a " +
      "directory of its own.",
  ];
}
