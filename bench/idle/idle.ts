import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { logIn, makeAccounts } from "../device/accounts.ts";
import { FigureTable } from "../figures.ts";
import type { PeerTasks } from "../peers/peer-tasks.ts";
import { startChild } from "../processes/child.ts";
import type { MemoryFigures } from "../processes/memory-probe.ts";
import { manyAccountsFlags, startParley } from "../processes/parley-node.ts";
import { processorTimeOf } from "../processes/process-usage.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import type { IdleHolderTasks } from "./idle-holder.ts";

const peers = [
  { name: "ws", script: new URL("../peers/ws-server.ts", import.meta.url) },
  { name: "connect-node", script: new URL("../peers/connect-server.ts", import.meta.url) },
] as const;

/** Seconds, at most, over which the processor time of idling is measured. */
const idleSecondsMax = 2;

/** Memory of a server per device that is attached and silent. */
export const idleBenchmark: Benchmark = { name: "idle", title: "Idle devices", run: measureIdle };

/** A server whose memory can be asked for, and how to give it clients. */
interface Subject {
  readonly name: string;
  readonly pid: number;
  memory(): Promise<MemoryFigures>;
  connect(): Promise<void>;
}

async function measureIdle(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  const table = new FigureTable();
  for (let run = 0; run < settings.runs; run += 1) {
    await withParley(settings, (subject) => measureSubject(subject, { settings, table, log }));
    for (const peer of peers) {
      await withPeer(peer, settings.idleDevices, (subject) =>
        measureSubject(subject, { settings, table, log }),
      );
    }
  }
  for (const { name } of peers) {
    table.compare("Parley: resident", `${name}: resident`);
    table.compare("Parley: heap", `${name}: heap`);
  }
  return { figures: table.figures(), notes: notesOf(settings) };
}

interface Measuring {
  readonly settings: BenchSettings;
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

async function measureSubject(subject: Subject, { settings, table, log }: Measuring): Promise<void> {
  const before = await subject.memory();
  await subject.connect();
  const after = await subject.memory();
  const perDevice = (bytes: number): number => bytes / 1_024 / settings.idleDevices;
  const resident = perDevice(after.residentBytes - before.residentBytes);
  const heap = perDevice(after.heapBytes - before.heapBytes);
  table.add(`${subject.name}: resident`, "KiB/device", resident);
  table.add(`${subject.name}: heap`, "KiB/device", heap);
  const idle = await idleTimeOf(subject.pid, Math.min(idleSecondsMax, settings.seconds));
  table.add(`${subject.name}: processor time while idle`, "ms/s", idle);
  log(
    `${subject.name}: ${resident.toFixed(1)} KiB resident, ${heap.toFixed(1)} KiB heap, ${idle.toFixed(1)} ms/s`,
  );
}

/** Milliseconds of processor time per second. */
async function idleTimeOf(pid: number, seconds: number): Promise<number> {
  const before = processorTimeOf(pid).total;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  return (processorTimeOf(pid).total - before) / 1_000 / seconds;
}

async function withParley(
  settings: BenchSettings,
  measure: (subject: Subject) => Promise<void>,
): Promise<void> {
  using directory = scratchDirectory();
  makeAccounts(directory.path, settings.idleDevices);
  await using node = await startParley({ directory: directory.path, flags: manyAccountsFlags, probed: true });
  const accounts = await logIn(node.public, settings.idleDevices);
  await using holder = await startHolder();
  const accessTokens = accounts.map(({ accessToken }) => accessToken);
  await measure({
    name: "Parley",
    pid: node.pid,
    memory: () => node.memory(),
    connect: () => holder.ask("attach", { server: node.public, accessTokens }),
  });
}

async function withPeer(
  { name, script }: { readonly name: string; readonly script: URL },
  count: number,
  measure: (subject: Subject) => Promise<void>,
): Promise<void> {
  await using server = await startChild<PeerTasks>(script, ["--expose-gc"]);
  await using holder = await startHolder();
  const url = await server.ask("listen", undefined);
  await measure({
    name,
    pid: server.pid,
    memory: () => server.ask("memory", undefined),
    connect: () => holder.ask("connect", { url, count }),
  });
}

function startHolder(): ReturnType<typeof startChild<IdleHolderTasks>> {
  return startChild<IdleHolderTasks>(new URL("idle-holder.ts", import.meta.url));
}

function notesOf(settings: BenchSettings): string[] {
  return [
    `${settings.idleDevices} connections, each of its own; memory of the server's process with them, less memory without ` +
      "them, each after two full garbage collections, divided by their number. Parley's devices belong to as many " +
      "accounts, which have logged in before the first reading, and are attached and caught up.",
    "`ws` and `connect-node` are set up as above and do nothing but hold the connections.",
  ];
}
