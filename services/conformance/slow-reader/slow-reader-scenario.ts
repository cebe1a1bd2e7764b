import { randomUUID } from "node:crypto";
import { checkHistory } from "../../history/check-history.ts";
import { type Finding, startFinding } from "../../history/finding.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import type { ReadPace } from "../harness/attach-link.ts";
import { Device } from "../harness/device.ts";
import { listLog } from "../harness/listed-log.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { checkNoBug } from "../harness/no-bug.ts";
import { startParley } from "../harness/parley-process.ts";
import { percentile } from "../harness/percentile.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import { SendJournal } from "../harness/send-journal.ts";
import { registerUsers, repeatCall } from "../harness/user.ts";
import { type MemoryUse, watchMemory } from "./memory-watch.ts";
import { type LoadResult, type SentTimes, sendAtRate } from "./paced-load.ts";

/** What the slow device reads, in bytes per second. */
const slowBytesPerSecond = 1_000;

/** Devices that send; they read as well. */
const sendersCount = 4;

/**
 * What the node may hold for devices of the one group, as its metrics say, in bytes: a ring of 256 KiB, and 64 KiB of a
 * page for each device that is not at the head; with room for as much again.
 */
const heldBytesMax = 2 * 1024 * 1024;

/** How much more resident memory the process may take while one device is slow, in bytes; its heap breathes. */
const memoryGrowthMax = 96 * 1024 * 1024;

/** How long the slow device may take to converge once it is fast, in milliseconds. */
const convergeMsMax = 120_000;

/** Size of a run. */
export interface SlowReaderOptions {
  readonly messagesPerSecond: number;
  /** Length of each of the three phases. */
  readonly seconds: number;
  /** Members beside the senders and the slow one. */
  readonly readers: number;
  /** How many times the latency without a slow device the one with it may be. */
  readonly latencyFactorMax: number;
  /** Latencies below this count as this, in milliseconds: there, one sees what else the machine does. */
  readonly latencyFloorMs: number;
  readonly progress?: Progress;
}

interface Phase {
  readonly name: "before" | "slow" | "after";
  readonly load: LoadResult;
  /** From the send to the storing by each device that is not slow, in milliseconds. */
  readonly latencies: readonly number[];
  readonly memory: MemoryUse;
}

/**
 * A group under a steady load: first all devices read as they can, then one of them reads 1 kB/s, then, when it has
 * caught up at full speed, all read as they can again. The other devices must not notice.
 */
export async function runSlowReader(options: SlowReaderOptions): Promise<ScenarioReport> {
  await using running = new AsyncDisposableStack();
  const node = running.use(await startParley({ flags: loadFlags }));
  const memory = running.use(watchMemory(node));
  const giveUp = new AbortController();
  running.defer(() => giveUp.abort());
  const journal = new SendJournal(giveUp.signal);
  const pace: ReadPace = { bytesPerSecond: Number.POSITIVE_INFINITY };
  const group = await gather(node.publicUrl, options.readers, pace);
  for (const device of group.all) running.use(device.start());
  await waitUntil("all devices attached", () => group.all.every(({ isOpen }) => isOpen), {
    timeoutMs: 30_000,
  });

  const run = async (name: Phase["name"], seconds: number): Promise<Phase> => {
    memory.takeMax();
    group.latencies.length = 0;
    const { messagesPerSecond: perSecond } = options;
    const target = { journal, conversationId: group.conversationId, perSecond, seconds, name };
    const load = await sendAtRate(group.fast.slice(0, sendersCount), { ...target, sentMs: group.sentMs });
    await caughtUp(group.fast, group, journal);
    const phase = { name, load, latencies: [...group.latencies], memory: memory.takeMax() };
    options.progress?.(`${name}: ${describePhase(phase)}`);
    return phase;
  };

  // Not measured: the code of the node and of the devices is still being compiled.
  await run("before", Math.min(2, options.seconds));
  const before = await run("before", options.seconds);
  pace.bytesPerSecond = slowBytesPerSecond;
  const slow = await run("slow", options.seconds);
  const behindBy = journal.sends.length + 1 - Number(group.slow.store.seqOf(group.conversationId));
  const closed = describeClosed(group.slow);
  pace.bytesPerSecond = Number.POSITIVE_INFINITY;
  const fastAgainMs = performance.now();
  await caughtUp([group.slow], group, journal);
  const convergedMs = performance.now() - fastAgainMs;
  const after = await run("after", options.seconds);
  await caughtUp(group.all, group, journal);

  const logs = [await listLog(group.slow.user, group.conversationId)];
  const observers = group.all.map(({ store, user }) => store.history(user.deviceId, group.conversationId));
  const findings = checkHistory({ sends: journal.sends, logs, observers, reads: [] });
  const phases = [before, slow, after];
  const compared = checkUndisturbed(phases, { ...options, closed });
  return {
    findings: [...findings, ...compared, await checkNoBug(node)],
    ...describe(options, { phases, behindBy, convergedMs, slow: group.slow }),
  };
}

interface Gathering {
  readonly conversationId: string;
  readonly all: readonly Device[];
  readonly fast: readonly Device[];
  readonly slow: Device;
  readonly sentMs: SentTimes;
  readonly latencies: number[];
}

async function gather(server: string, readers: number, pace: ReadPace): Promise<Gathering> {
  const users = await registerUsers(server, "member", sendersCount + readers + 1);
  const slowUser = users.at(-1);
  const owner = users[0];
  if (slowUser === undefined || owner === undefined) throw new Error("a group was asked for");
  const sentMs: SentTimes = new Map();
  const latencies: number[] = [];
  const fast = users.slice(0, -1).map(
    (user) =>
      new Device({
        user,
        way: "attach",
        onStored: ({ body }) => {
          if (body.case !== "message" || body.value.kind.case !== "text") return;
          const began = sentMs.get(body.value.kind.value.text);
          if (began !== undefined) latencies.push(performance.now() - began);
        },
      }),
  );
  const slow = new Device({ user: slowUser, way: "attach", pace });
  const memberIds = users.slice(1).map(({ accountId }) => accountId);
  const request = { requestId: randomUUID(), name: "slow reader", memberIds };
  const { conversationId } = await repeatCall(() => owner.groups.createGroup(request));
  return { conversationId, all: [...fast, slow], fast, slow, sentMs, latencies };
}

async function caughtUp(devices: readonly Device[], group: Gathering, journal: SendJournal): Promise<void> {
  // The entry that began the group is one more than the messages.
  const head = BigInt(journal.sends.length) + 1n;
  const reached = (): boolean => devices.every(({ store }) => store.seqOf(group.conversationId) === head);
  await waitUntil(`${devices.length} devices at entry ${head}`, reached, { timeoutMs: convergeMsMax });
}

/** That the slow device disturbed nobody: latencies, memory, and its own stream. */
function checkUndisturbed(
  phases: readonly Phase[],
  {
    latencyFactorMax,
    latencyFloorMs,
    closed,
  }: Pick<SlowReaderOptions, "latencyFactorMax" | "latencyFloorMs"> & { readonly closed: string },
): Finding[] {
  const [latency, memory, stream] = [
    startFinding("the latency of the others does not change"),
    startFinding("the memory of the process stays bounded"),
    startFinding("the stream of the slow device stays open"),
  ];
  const others = phases.filter(({ name }) => name !== "slow");
  const [slow] = phases.filter(({ name }) => name === "slow");
  for (const part of [0.5, 0.99]) {
    latency.examine();
    const without = Math.max(latencyFloorMs, ...others.map(({ latencies }) => percentile(latencies, part)));
    const withSlow = percentile(slow?.latencies ?? [], part);
    if (!(withSlow <= without * latencyFactorMax)) {
      latency.violate(
        `p${part * 100} is ${withSlow.toFixed(1)} ms with it, ${without.toFixed(1)} ms without`,
      );
    }
  }
  memory.examine();
  const growth = (slow?.memory.residentBytes ?? 0) - (phases[0]?.memory.residentBytes ?? 0);
  if (growth > memoryGrowthMax) memory.violate(`it grew by ${mebibytes(growth)} while one device was slow`);
  memory.examine();
  const held = slow?.memory.heldBytes ?? Number.NaN;
  if (!(held <= heldBytesMax)) memory.violate(`the node holds ${Math.round(held / 1024)} KiB for devices`);
  stream.examine();
  if (closed !== "") stream.violate(closed);
  return [latency, memory, stream].map((finding) => finding.finish());
}

/** What became of the stream of a device, if anything did. */
function describeClosed({ tally, failure }: Device): string {
  const reasons = [...tally.closed].map(([reason, count]) => `${reason} ${count} times`);
  const lost = tally.lost > 0 ? [`lost ${tally.lost} times`] : [];
  return [...reasons, ...lost, ...(failure === undefined ? [] : [failure.message])].join(", ");
}

function describePhase({ load, latencies, memory }: Phase): string {
  const [p50, p99, worst] = [0.5, 0.99, 1].map((part) => percentile(latencies, part).toFixed(1));
  const left = load.leftOut > 0 ? `, ${load.leftOut} left out` : "";
  return `${load.sent} sent${left}; send to stored p50 ${p50} ms, p99 ${p99} ms, worst ${worst} ms; resident up to ${mebibytes(memory.residentBytes)}, held for devices up to ${Math.round(memory.heldBytes / 1024)} KiB`;
}

function describe(
  options: SlowReaderOptions,
  run: {
    readonly phases: readonly Phase[];
    readonly behindBy: number;
    readonly convergedMs: number;
    readonly slow: Device;
  },
): Pick<ScenarioReport, "figures" | "void"> {
  const { phases, behindBy, convergedMs, slow } = run;
  const names = {
    before: "all read as they can",
    slow: "one reads 1 kB/s",
    after: "all read as they can again",
  };
  const wanted = options.messagesPerSecond * options.seconds;
  const { tally } = slow;
  return {
    figures: [
      [
        "load",
        `${options.messagesPerSecond} messages/s for ${options.seconds} s a phase, ${sendersCount} senders`,
      ],
      ["devices that read", `${sendersCount + options.readers} and the slow one`],
      ...phases.map((phase) => [names[phase.name], describePhase(phase)] as const),
      ["the slow device had missed, when it became fast", `${behindBy} entries`],
      ["time until it had all of them", `${Math.round(convergedMs)} ms`],
      [
        "its streams, `behind` told, events sent again",
        `${tally.streams}, ${tally.behind}, ${tally.redelivered}`,
      ],
    ],
    void: [
      ...phases.flatMap(({ name, load }) =>
        load.sent < wanted * 0.9 ? [`only ${load.sent} of ${wanted} messages could be sent (${name})`] : [],
      ),
      ...(behindBy < wanted / 2 ? ["the slow device was not slow: it missed too little"] : []),
    ],
  };
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
