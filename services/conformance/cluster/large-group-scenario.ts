import type { Entry } from "../../../gen/parley/message/v1/entry_pb.ts";
import { checkHistory } from "../../history/check-history.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { Device } from "../harness/device.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { awaitConvergence, createGroup, type Member, observersOf, readLogs } from "../harness/member.ts";
import { readMetrics } from "../harness/metrics-page.ts";
import { checkNoBug } from "../harness/no-bug.ts";
import { pause } from "../harness/pause.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import { SendJournal } from "../harness/send-journal.ts";
import { loginUser, registerUsers, type User } from "../harness/user.ts";
import { checkAllAcknowledged, describeFailures, describeTimes } from "./cluster-figures.ts";
import { Deliveries } from "./deliveries.ts";
import { type NodeCluster, startCluster } from "./node-cluster.ts";

/** Members attach at these many nodes. */
const nodeCount = 2;

/** How long a crowd may take to attach, or a message to reach everybody; in milliseconds. */
const crowdMsMax = 120_000;

const loopDelayMetric = "parley_nodejs_eventloop_lag_p99_seconds";

/** Size of a run. */
export interface LargeGroupOptions {
  readonly members: number;
  /** Messages per second, one phase after the other. */
  readonly rates: readonly number[];
  readonly secondsPerRate: number;
  /** Devices that come, go and come again at once; at most ten for each member. */
  readonly crowd: number;
  /** How many of them each node admits per second. */
  readonly attachesPerSecond: number;
  readonly progress?: Progress;
}

/** A group at two nodes with every device in this process, and what it noted. */
interface Crowd {
  readonly cluster: NodeCluster;
  readonly members: readonly Member[];
  readonly groupId: string;
  readonly journal: SendJournal;
  readonly deliveries: Deliveries;
}

/**
 * Sends to one large group at some rates, and measures when the last of its members has each message; then lets a crowd
 * of devices attach at once, break off at once and come back at once, at nodes that admit them at their usual rate.
 */
export async function runLargeGroup(options: LargeGroupOptions): Promise<ScenarioReport> {
  await using running = new AsyncDisposableStack();
  const { rates, secondsPerRate, progress = () => undefined } = options;
  // The last one counts.
  const flags = [...loadFlags, "--session-attaches-per-second", `${options.attachesPerSecond}`];
  const cluster = running.use(await startCluster(nodeCount, { flags }));
  const giveUp = new AbortController();
  running.defer(() => giveUp.abort());
  const deliveries = new Deliveries();
  const { users, crowd, groupId } = await gather(cluster, { options, deliveries, progress });
  for (const { device } of crowd) running.defer(() => device.stop());
  const run = { cluster, members: crowd, groupId, deliveries, journal: new SendJournal(giveUp.signal) };

  const first = crowd.slice(0, users.length);
  await attachAll(first);
  const figures: (readonly [string, string])[] = [
    ["members of the group, nodes that they are at", `${users.length}, ${nodeCount}`],
  ];
  for (const rate of rates) {
    const { lastMs, loopDelayMs } = await sendAtRate({ ...run, members: first }, rate, secondsPerRate);
    progress(`${rate} messages a second for ${secondsPerRate} s`);
    figures.push(
      [`${rate} msg/s: from the send to the last of all members`, describeTimes(lastMs, "messages")],
      [
        `${rate} msg/s: loop delay p99 of the nodes`,
        loopDelayMs.map((ms) => `${ms.toFixed(1)} ms`).join(", "),
      ],
    );
  }
  const storm = await comeAndGo(run, options);
  const { sends } = run.journal;
  const logs = await readLogs(crowd);
  await awaitConvergence(crowd, logs, crowdMsMax);
  return {
    findings: [
      ...checkHistory({ sends, logs, observers: observersOf(crowd), reads: [] }),
      checkAllAcknowledged(sends),
      ...(await Promise.all(cluster.nodes.map(({ process }) => checkNoBug(process)))),
    ],
    figures: [...figures, ...storm.figures],
    void: [
      ...(storm.refused === 0 ? ["no device of the crowd was told to come again later"] : []),
      ...describeFailures(crowd),
    ],
  };
}

async function gather(
  cluster: NodeCluster,
  given: {
    readonly options: LargeGroupOptions;
    readonly deliveries: Deliveries;
    readonly progress: Progress;
  },
): Promise<{ users: readonly User[]; crowd: readonly Member[]; groupId: string }> {
  const { options, deliveries, progress } = given;
  const perNode = cluster.servers.map((server, index) =>
    registerUsers(server, `member${index}x`, Math.ceil(options.members / nodeCount)),
  );
  const users = (await Promise.all(perNode)).flat().slice(0, options.members);
  progress(`${users.length} accounts`);
  const groupId = await createGroup("a large group", users);
  const devices = [...users];
  while (devices.length < options.crowd) {
    const user = users[devices.length % users.length];
    if (user === undefined) break;
    devices.push(await loginUser(user.server, user.handle));
  }
  progress(`${devices.length} devices`);
  const crowd = devices.map((user) => {
    const onStored = (entry: Entry): void => deliveries.note(entry);
    return { device: new Device({ user, way: "attach", onStored }), conversations: [groupId] };
  });
  return { users, crowd, groupId };
}

/** Starts all devices at once, or lets those come back that have lost their stream; answers how long each took, in ms. */
async function attachAll(members: readonly Member[]): Promise<number[]> {
  const beganMs = performance.now();
  const openMs = new Map<Member, number>();
  for (const { device } of members) device.start();
  await waitUntil(
    "everybody is attached",
    () => {
      for (const member of members) {
        if (member.device.isOpen && !openMs.has(member)) openMs.set(member, performance.now() - beganMs);
      }
      return openMs.size === members.length;
    },
    { timeoutMs: crowdMsMax },
  );
  return [...openMs.values()];
}

/** Sends at a fixed rate; answers for each message when the last device had it, and how late the nodes' loops were. */
async function sendAtRate(
  run: Crowd,
  rate: number,
  seconds: number,
): Promise<{ lastMs: readonly number[]; loopDelayMs: readonly number[] }> {
  const from = run.journal.sends.length;
  // The page begins a new measurement each time that it is read.
  await loopDelays(run.cluster);
  const count = rate * seconds;
  const startMs = performance.now();
  const sending: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    await pause(Math.max(0, startMs + (index * 1000) / rate - performance.now()));
    const sender = run.members[index % run.members.length];
    if (sender !== undefined) {
      sending.push(run.journal.sendUnary(sender.device, run.groupId, `message ${index} at ${rate}/s`));
    }
  }
  await Promise.all(sending);
  const sent = run.journal.sends.slice(from);
  const lastMs = await waitUntil(
    "everybody has every message",
    () => run.deliveries.lastMs(sent, run.members.length),
    {
      timeoutMs: crowdMsMax,
    },
  );
  return { lastMs, loopDelayMs: await loopDelays(run.cluster) };
}

async function loopDelays({ nodes }: NodeCluster): Promise<number[]> {
  const pages = nodes.map(({ process }) => readMetrics(process.adminUrl));
  return (await Promise.all(pages)).map((page) => (page.get(loopDelayMetric) ?? Number.NaN) * 1000);
}

async function comeAndGo(
  run: Crowd,
  { attachesPerSecond, progress }: LargeGroupOptions,
): Promise<{ readonly figures: ScenarioReport["figures"]; readonly refused: number }> {
  const { members } = run;
  const newcomers = members.filter(({ device }) => !device.isOpen);
  const attachMs = await attachAll(newcomers);
  progress?.(`${newcomers.length} devices attached at once`);
  const cut = members.filter(({ device }) => device.cut());
  const againMs = await attachAll(cut);
  progress?.(`${cut.length} devices broke off and are back`);
  const refused = members.reduce((sum, { device }) => sum + device.tally.refused, 0);
  await sendAtRate(run, 1, 3);
  return {
    refused,
    figures: [
      ["new streams that each node admits", `${attachesPerSecond} a second`],
      ["devices that attached at once", describeTimes(attachMs, "devices")],
      ["devices that broke off at once and came back", describeTimes(againMs, "devices")],
      ["times that one of them was told to come again later", `${refused}`],
    ],
  };
}
