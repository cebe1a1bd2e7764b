import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { directConversationId, type LoggedIn, logIn, makeAccounts } from "../device/accounts.ts";
import { FigureTable } from "../figures.ts";
import { type Child, startChild } from "../processes/child.ts";
import { manyAccountsFlags, startParley } from "../processes/parley-node.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import { type LoadedNodes, measureLoad } from "./measure-load.ts";
import type { Sender, SendFigures, SendLoadTasks } from "./send-load.ts";
import type { SqliteFloorTasks } from "./sqlite-floor.ts";

const inFlight = 4;
const textBytes = 100;
const floorBatches = [1, 20, 100] as const;

/** Durable sends per second and the latency of their acks, beside what SQLite alone does with the same rows. */
export const sendsBenchmark: Benchmark = {
  name: "sends",
  title: "Durable sends",
  run: measureSends,
};

interface Bench extends LoadedNodes {
  readonly settings: BenchSettings;
  readonly load: Child<SendLoadTasks>;
}

async function measureSends(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  using directory = scratchDirectory();
  makeAccounts(directory.path, settings.senders * 2);
  const flags = [...manyAccountsFlags, "--log-level", "warn"];
  await using node = await startParley({
    directory: directory.path,
    flags,
    profileDirectory: settings.profileDirectory,
  });
  const senders = sendersOf(node.public, await logIn(node.public, settings.senders * 2));
  await using load = await startChild<SendLoadTasks>(new URL("send-load.ts", import.meta.url));
  await using floor = await startChild<SqliteFloorTasks>(new URL("sqlite-floor.ts", import.meta.url));
  const table = new FigureTable();
  const bench = { settings, nodes: [node], load, table, log };
  await load.ask("attach", { senders, receivers: [], textBytes, run: "00000001" });
  // Warm: just-in-time compilation is not what is measured.
  const warm = await load.ask("closedLoop", { seconds: Math.min(3, settings.seconds), inFlight });
  for (let run = 0; run < settings.runs; run += 1) {
    await measureFloor(bench, { floor, directory: directory.path, entryBytes: Math.round(warm.entryBytes) });
    await measureClosedLoop(bench);
    await measureOpenLoop(bench);
  }
  for (const batch of floorBatches) table.compare(closedLoopName, floorName(batch));
  return { figures: table.figures(), notes: notesOf(settings, warm) };
}

const closedLoopName = "Parley, closed loop";

/** Even accounts send to odd ones, which have no device attached. */
function sendersOf(server: string, accounts: readonly LoggedIn[]): Sender[] {
  return accounts.flatMap((account, index) => {
    const peer = accounts[index + 1];
    if (index % 2 === 1 || peer === undefined) return [];
    const conversationId = directConversationId(account.accountId, peer.accountId);
    return [{ server, accessToken: account.accessToken, conversationId }];
  });
}

async function measureFloor(
  { settings, table, log }: Bench,
  floor: { floor: Child<SqliteFloorTasks>; directory: string; entryBytes: number },
): Promise<void> {
  const seconds = Math.min(2, settings.seconds);
  for (const batch of floorBatches) {
    const argument = { directory: floor.directory, batch, seconds, entryBytes: floor.entryBytes };
    const figures = await floor.floor.ask("run", argument);
    table.add(floorName(batch), "rows/s", figures.rowsPerSecond);
    const { p99, most } = figures.commit;
    log(
      `${floorName(batch)}: ${figures.rowsPerSecond.toFixed(0)} rows/s, commit p99 ${p99.toFixed(1)} ms, slowest ${most.toFixed(1)} ms`,
    );
  }
}

function floorName(batch: number): string {
  return `node:sqlite, batches of ${batch}`;
}

async function measureClosedLoop(bench: Bench): Promise<void> {
  const argument = { seconds: bench.settings.seconds, inFlight };
  await measureLoad(bench, closedLoopName, () => bench.load.ask("closedLoop", argument));
}

async function measureOpenLoop(bench: Bench): Promise<void> {
  const { sendsPerSecond, seconds } = bench.settings;
  const name = `Parley, open loop at ${sendsPerSecond}/s`;
  await measureLoad(bench, name, () => bench.load.ask("openLoop", { seconds, perSecond: sendsPerSecond }));
}

function notesOf(settings: BenchSettings, warm: SendFigures): string[] {
  return [
    `${settings.senders} accounts, each with one attached device (gRPC over a connection of its own) and a direct ` +
      `conversation; texts of ${textBytes} bytes, stored and delivered as about ${Math.round(warm.entryBytes)} bytes. ` +
      "Every send also comes back to its sender as an event and is acknowledged.",
    `The closed loop keeps ${inFlight} sends of each stream unanswered; the open loop starts sends at its rate, and ` +
      "counts latency from the time at which a send was due. A send that is refused for now, or whose outcome is unknown, is " +
      "made again after half a second, under its id; its latency goes on.",
    "The floor is one process that writes the same rows (an entry with both unique indexes, and its conversation's " +
      "head) through node:sqlite with WAL and `synchronous=FULL`, prepared statements and nothing else, on the same disk.",
  ];
}
