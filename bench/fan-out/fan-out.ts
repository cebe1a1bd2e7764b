import { randomUUID } from "node:crypto";
import { fromJson } from "@bufbuild/protobuf";
import { CreateGroupResponseSchema } from "../../gen/parley/message/v1/group_service_pb.ts";
import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { directConversationId, type LoggedIn, logIn, makeAccounts } from "../device/accounts.ts";
import { FigureTable } from "../figures.ts";
import type { PeerTasks } from "../peers/peer-tasks.ts";
import { callJson } from "../processes/call-json.ts";
import { type Child, startChild } from "../processes/child.ts";
import { manyAccountsFlags, type ParleyNode, startParley } from "../processes/parley-node.ts";
import { processorTimeOf, timeBetween } from "../processes/process-usage.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";
import type { ReceiverTasks } from "./receivers.ts";

const eventsPerFlush = [1, 4, 16] as const;
const intervalMs = 50;
const textBytes = 100;

const peers = [
  { name: "ws", script: new URL("../peers/ws-server.ts", import.meta.url) },
  { name: "connect-node", script: new URL("../peers/connect-server.ts", import.meta.url) },
] as const;

/** Processor time of a server per event that it delivers to each of many devices. */
export const fanOutBenchmark: Benchmark = {
  name: "fan-out",
  title: "Fan-out to a group",
  run: measureFanOut,
};

/** A server with clients connected, which can push to all of them. */
interface Pusher {
  readonly name: string;
  readonly pid: number;
  /** Pushes `rounds` times so many events to all and returns when all have come; answers how many came per frame. */
  push(events: number, rounds: number): Promise<number>;
}

async function measureFanOut(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  using directory = scratchDirectory();
  await using stack = new AsyncDisposableStack();
  makeAccounts(directory.path, settings.members + 1);
  const { profileDirectory } = settings;
  const node = stack.use(
    await startParley({ directory: directory.path, flags: manyAccountsFlags, profileDirectory }),
  );
  const bytesSeen = new Map<number, number>();
  const pushers: Pusher[] = [await parleyPusher({ node, settings, stack, bytesSeen })];
  for (const peer of peers) pushers.push(await peerPusher({ ...peer, settings, stack, bytesSeen }));
  const table = new FigureTable();
  for (const pusher of pushers) await pusher.push(4, settings.rounds);
  for (let run = 0; run < settings.runs; run += 1) {
    for (const events of eventsPerFlush) {
      for (const pusher of pushers) await measureOne({ pusher, events, settings, table, log });
    }
  }
  for (const events of eventsPerFlush) {
    for (const { name } of peers) table.compare(figureName("Parley", events), figureName(name, events));
  }
  return { figures: table.figures(), notes: notesOf(settings) };
}

interface OneMeasurement {
  readonly pusher: Pusher;
  readonly events: number;
  readonly settings: BenchSettings;
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

async function measureOne({ pusher, events, settings, table, log }: OneMeasurement): Promise<void> {
  const before = processorTimeOf(pusher.pid);
  const perFrame = await pusher.push(events, settings.rounds);
  const used = timeBetween(before, processorTimeOf(pusher.pid));
  const deliveries = settings.rounds * events * settings.members;
  const name = figureName(pusher.name, events);
  table.add(name, "µs/delivery", used.total / deliveries);
  if (pusher.name === "Parley") table.add(`${name}: events per frame`, "events", perFrame);
  log(
    `${name}: ${(used.total / deliveries).toFixed(2)} µs/delivery, ${perFrame.toFixed(1)} events per frame`,
  );
}

function figureName(server: string, events: number): string {
  return `${server}, ${events} ${events === 1 ? "event" : "events"} at once`;
}

interface PusherParts {
  readonly settings: BenchSettings;
  readonly stack: AsyncDisposableStack;
  /** Bytes of one event by events at once, as Parley's devices saw them. */
  readonly bytesSeen: Map<number, number>;
}

async function parleyPusher(parts: PusherParts & { readonly node: ParleyNode }): Promise<Pusher> {
  const { node, settings, stack, bytesSeen } = parts;
  const [primed, ...members] = await logIn(node.public, settings.members + 1);
  const [sender] = members;
  if (primed === undefined || sender === undefined) throw new Error("a group has at least one member");
  const groupId = await createGroup(node.public, members);
  const receivers = stack.use(await startReceivers());
  await receivers.ask("attach", {
    server: node.public,
    accessTokens: members.map(({ accessToken }) => accessToken),
    groupId,
    primerId: directConversationId(sender.accountId, primed.accountId),
    textBytes,
  });
  return {
    name: "Parley",
    pid: node.pid,
    push: async (events, rounds) => {
      const received = await receivers.ask("send", { rounds, intervalMs, events });
      bytesSeen.set(events, Math.round(received.bytes / received.events));
      return received.events / received.frames;
    },
  };
}

async function peerPusher(
  parts: PusherParts & { readonly name: string; readonly script: URL },
): Promise<Pusher> {
  const { name, script, settings, stack, bytesSeen } = parts;
  const server = stack.use(await startChild<PeerTasks>(script));
  const receivers = stack.use(await startReceivers());
  await receivers.ask("connect", { url: await server.ask("listen", undefined), count: settings.members });
  let expected = 0;
  return {
    name,
    pid: server.pid,
    push: async (events, rounds) => {
      await server.ask("push", { rounds, intervalMs, events, eventBytes: bytesSeen.get(events) ?? 200 });
      expected += rounds * settings.members;
      await receivers.ask("received", { messages: expected });
      return events;
    },
  };
}

function startReceivers(): Promise<Child<ReceiverTasks>> {
  return startChild<ReceiverTasks>(new URL("receivers.ts", import.meta.url));
}

/** A group that the first of these accounts makes. */
async function createGroup(server: string, members: readonly LoggedIn[]): Promise<string> {
  const url = `${server}/parley.message.v1.GroupService/CreateGroup`;
  const memberIds = members.slice(1).map(({ accountId }) => accountId);
  const request = { requestId: randomUUID(), name: "benchmark", memberIds };
  const answer = await callJson(url, request, members[0]?.accessToken);
  return fromJson(CreateGroupResponseSchema, answer).conversationId;
}

function notesOf(settings: BenchSettings): string[] {
  return [
    `A group of ${settings.members} accounts, each with one attached device on a connection of its own; one of them sends ` +
      `1, 4 or 16 messages in one write every ${intervalMs} ms, behind one to another conversation whose commit lets them ` +
      "gather, so that they are committed and flushed together. Parley's figure is everything that its process does for that, " +
      "the commits and the acknowledgements of the devices (one per 32 events) included.",
    "`ws` (README: broadcast is a loop over `clients`; per-message deflate off, its default) pushes one binary message of " +
      "the same size per round: its best case, without storing, numbering or acknowledging anything.",
    "`connect-node` (documentation: `connectNodeAdapter` on `http2.createServer`, an async generator as handler) yields one " +
      "message with as many entries per round, which it encodes for each client.",
  ];
}
