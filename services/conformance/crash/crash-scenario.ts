import { checkHistory } from "../../history/check-history.ts";
import type { HeadRead, ListedLog, SendRecord } from "../../history/history.ts";
import { seededRng } from "../../testkit/seeded-rng.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { Device } from "../harness/device.ts";
import type { Way } from "../harness/link.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { awaitConvergence, createGroup, directsOf, observersOf, readLogs } from "../harness/member.ts";
import { checkNoBug } from "../harness/no-bug.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { pause } from "../harness/pause.ts";
import { percentile } from "../harness/percentile.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import { SendJournal } from "../harness/send-journal.ts";
import { registerUsers } from "../harness/user.ts";
import { type CrashUser, loadUser } from "./crash-load.ts";

/** How long everything may take to settle and to converge after the last restart, in milliseconds. */
const settleMsMax = 60_000;

/** A process is killed at a random moment of this span after the load runs again, in milliseconds. */
const killAfterMs = { min: 200, max: 1_200 };

const ways: readonly Way[] = ["attach", "attach", "receive", "poll"];

/** Size of a run. The same seed gives the same choices, though not the same interleaving. */
export interface CrashOptions {
  readonly rounds: number;
  readonly users: number;
  readonly seed: number;
  readonly progress?: Progress;
}

interface Round {
  /** Sends without an outcome at the moment of the kill. */
  readonly underWay: number;
  /** From the spawn to the readiness of the next process, and from there to its first acknowledgement; in milliseconds. */
  readonly readyMs: number;
  readonly firstAckMs: number;
}

/**
 * Kills a node again and again in the middle of the load of all users, starts it again on the same directory, and
 * lets the users go on with the same message ids. Afterwards the whole history is checked.
 */
export async function runCrash(options: CrashOptions): Promise<ScenarioReport> {
  await using running = new AsyncDisposableStack();
  const node = running.use(await startParley({ flags: loadFlags }));
  const rng = seededRng(options.seed);
  const users = await registerUsers(node.publicUrl, "user", options.users);
  const groupId = await createGroup("crash", users);
  const devices = users.map(
    (user, index) => new Device({ user, way: ways[index % ways.length] ?? "attach" }),
  );
  for (const device of devices) running.use(device.start());
  const load = new AbortController();
  const giveUp = new AbortController();
  const journal = new SendJournal(giveUp.signal);
  const reads: HeadRead[] = [];
  const members = devices.map(
    (device, index): CrashUser => ({
      device,
      conversations: [groupId, ...directsOf(users, index)],
      rng: rng.fork(),
    }),
  );
  const loading = members.map((member) => loadUser(member, { journal, reads, signal: load.signal }));
  try {
    const rounds: Round[] = [];
    for (let index = 0; index < options.rounds; index += 1) {
      const { min, max } = killAfterMs;
      await pause(min + rng.fraction() * (max - min));
      rounds.push(await killOnce(node, journal));
      options.progress?.(
        `round ${index + 1}: ${describeRound(rounds.at(-1))}, ${journal.sends.length} sends so far`,
      );
    }
    load.abort();
    await waitUntil("all sends settled", () => journal.unsettled === 0, { timeoutMs: settleMsMax });
    await Promise.all(loading);
    const settledMs = performance.now();
    const logs = await readLogs(members);
    await awaitConvergence(members, logs, settleMsMax);
    const convergeMs = performance.now() - settledMs;
    const findings = checkHistory({ sends: journal.sends, logs, observers: observersOf(members), reads });
    return {
      findings: [...findings, await checkNoBug(node)],
      ...describe(options, { rounds, sends: journal.sends, devices, logs, convergeMs }),
    };
  } finally {
    load.abort();
    giveUp.abort();
    await Promise.allSettled(loading.map((one) => Promise.race([one, pause(100)])));
  }
}

async function killOnce(node: ParleyProcess, journal: SendJournal): Promise<Round> {
  const underWay = journal.unsettled;
  await node.kill("SIGKILL");
  const restartedMs = performance.now();
  const { readyMs } = await node.restart();
  const before = restartedMs + readyMs;
  const firstAckMs = await waitUntil(
    "an acknowledgement after the restart",
    () => {
      const later = journal.sends.flatMap(({ outcome }) =>
        outcome.kind === "acknowledged" && outcome.endedMs > restartedMs ? [outcome.endedMs] : [],
      );
      return later.length > 0 ? Math.max(0, Math.min(...later) - before) : undefined;
    },
    { timeoutMs: settleMsMax },
  );
  return { underWay, readyMs, firstAckMs };
}

function describeRound(round: Round | undefined): string {
  if (round === undefined) return "none";
  return `${round.underWay} sends under way, ready in ${Math.round(round.readyMs)} ms`;
}

function describe(
  options: CrashOptions,
  run: {
    readonly rounds: readonly Round[];
    readonly sends: readonly SendRecord[];
    readonly devices: readonly Device[];
    readonly logs: readonly ListedLog[];
    readonly convergeMs: number;
  },
): Pick<ScenarioReport, "figures" | "void"> {
  const { rounds, sends, devices, logs } = run;
  const count = (wanted: (send: SendRecord) => boolean): number => sends.filter(wanted).length;
  const acknowledged = sends.flatMap(({ beganMs, outcome }) =>
    outcome.kind === "acknowledged" ? [outcome.endedMs - beganMs] : [],
  );
  const interrupted = rounds.reduce((sum, { underWay }) => sum + underWay, 0);
  const devicesLost = devices.reduce((sum, { tally }) => sum + tally.lost, 0);
  const worst = (pick: (round: Round) => number): string => `${Math.round(Math.max(...rounds.map(pick)))} ms`;
  const failures = devices.flatMap(({ failure }) => (failure === undefined ? [] : [failure.message]));
  return {
    figures: [
      ["kill -9 of the process", `${rounds.length} times, seed ${options.seed}`],
      ["users, conversations", `${options.users}, ${logs.length}`],
      ["entries in all logs", `${logs.reduce((sum, { entries }) => sum + entries.length, 0)}`],
      ["sends, acknowledged", `${sends.length}, ${acknowledged.length}`],
      [
        "by stream, by unary call",
        `${count(({ way }) => way === "stream")}, ${count(({ way }) => way === "unary")}`,
      ],
      ["sends under way at the kills", `${interrupted}`],
      ["sends that took more than one try", `${count(({ tries }) => tries > 1)}`],
      ["rejected", `${count(({ outcome }) => outcome.kind === "rejected")}`],
      ["streams lost and opened again", `${devicesLost}`],
      ["worst time from spawn to ready", worst(({ readyMs }) => readyMs)],
      ["worst time from ready to the first acknowledgement", worst(({ firstAckMs }) => firstAckMs)],
      [
        "time to acknowledgement, outages included: p50, p99, worst",
        [0.5, 0.99, 1].map((part) => `${Math.round(percentile(acknowledged, part))} ms`).join(", "),
      ],
      [
        "from the last acknowledgement until all logs were read and all devices had converged",
        `${Math.round(run.convergeMs)} ms`,
      ],
    ],
    void: [
      ...(interrupted < rounds.length ? ["too few sends were under way when the process was killed"] : []),
      ...failures.map((message) => `a device gave up: ${message}`),
    ],
  };
}
