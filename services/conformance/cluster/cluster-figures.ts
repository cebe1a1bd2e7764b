import { type Finding, startFinding } from "../../history/finding.ts";
import type { SendRecord } from "../../history/history.ts";
import { isStandIn } from "../../testkit/mongo-server.ts";
import type { DeviceTally } from "../harness/device-tally.ts";
import type { Member } from "../harness/member.ts";
import { percentile } from "../harness/percentile.ts";
import type { ScenarioReport } from "../harness/scenario-report.ts";
import type { ClusterOutcome } from "./cluster-run.ts";
import type { Outage } from "./outage.ts";

/** What the users did, and what became of it. */
export function describeRun(run: ClusterOutcome): ScenarioReport["figures"] {
  const { load, members, logs, tallies, convergeMs, cluster } = run;
  const { sends } = load.journal;
  const count = (wanted: (send: SendRecord) => boolean): number => sends.filter(wanted).length;
  const sum = (pick: (tally: DeviceTally) => number): number =>
    tallies.reduce((total, tally) => total + pick(tally), 0);
  return [
    ...(cluster.backends === undefined ? [] : [["the store", describeStore()] as const]),
    ["users, conversations", `${members.length}, ${logs.length}`],
    ["entries in all logs", `${logs.reduce((total, { entries }) => total + entries.length, 0)}`],
    ["sends, acknowledged", `${sends.length}, ${count(({ outcome }) => outcome.kind === "acknowledged")}`],
    [
      "by stream, by unary call",
      `${count(({ way }) => way === "stream")}, ${count(({ way }) => way === "unary")}`,
    ],
    ["sends that took more than one try", `${count(({ tries }) => tries > 1)}`],
    ["rejected", `${count(({ outcome }) => outcome.kind === "rejected")}`],
    ["streams opened, lost", `${sum(({ streams }) => streams)}, ${sum(({ lost }) => lost)}`],
    ["gaps that devices met and listed", `${sum(({ gaps }) => gaps)}`],
    [
      "from the last acknowledgement until all logs were read and all devices had converged",
      `${Math.round(convergeMs)} ms`,
    ],
  ];
}

function describeStore(): string {
  return isStandIn()
    ? "FerretDB, which stands in for MongoDB: what its times say is not MongoDB's"
    : "the server that PARLEY_TEST_MONGO_URL names";
}

/** What the machine gives without a fault, to hold the outage against. */
export function describeBefore({ before }: Outage): ScenarioReport["figures"][number] {
  return ["time to acknowledgement before the first fault", describeTimes(before)];
}

/** The outage for both kinds of clients. */
export function describeOutage(when: string, outage: Outage): ScenarioReport["figures"] {
  return [
    [`outage ${when}, clients of other nodes`, describeTimes(outage.elsewhere)],
    [`outage ${when}, clients of that node`, describeTimes(outage.atAbsent)],
  ];
}

/** Percentiles of times in milliseconds, for people. */
export function describeTimes(timesMs: readonly number[], ofWhat = "sends"): string {
  if (timesMs.length === 0) return `no ${ofWhat}`;
  const [p50, p99, worst] = [0.5, 0.99, 1].map((part) => `${Math.round(percentile(timesMs, part))} ms`);
  return `p50 ${p50}, p99 ${p99}, worst ${worst} (${timesMs.length} ${ofWhat})`;
}

/** The 99th percentile of the outage is at most what was promised. Nothing is judged where nothing was. */
export function checkOutage(
  timesMs: readonly number[],
  outageMsMax: number | undefined,
  ofWhom = "of clients of other nodes",
): Finding[] {
  if (outageMsMax === undefined) return [];
  const finding = startFinding(`outage p99 ${ofWhom} at most ${outageMsMax} ms`);
  for (const _ of timesMs) finding.examine();
  const p99 = percentile(timesMs, 0.99);
  if (p99 > outageMsMax) finding.violate(`it is ${Math.round(p99)} ms, over ${timesMs.length} sends`);
  return [finding.finish()];
}

/** Each of these times is at most what was promised, which the title says. */
export function checkEach(timesMs: readonly number[], msMax: number, title: string): Finding {
  const finding = startFinding(title);
  for (const ms of timesMs) {
    finding.examine();
    if (ms > msMax) finding.violate(`one took ${Math.round(ms)} ms`);
  }
  return finding.finish();
}

/** Why a run that takes nodes away proves nothing: no client had to try twice, or a device gave up. */
export function describeTrouble(run: ClusterOutcome): string[] {
  const repeated = run.load.journal.sends.some(({ tries }) => tries > 1);
  return [...(repeated ? [] : ["no send took a second try"]), ...describeFailures(run.members)];
}

/** The devices that gave up, which no scenario gives them a reason for. */
export function describeFailures(members: readonly Member[]): string[] {
  return members.flatMap(({ device: { failure, user } }) =>
    failure === undefined ? [] : [`the device of ${user.handle} gave up: ${failure.message}`],
  );
}

/** A client that repeats what may be repeated sees no error: no send was refused for good, none has no outcome. */
export function checkAllAcknowledged(sends: readonly SendRecord[]): Finding {
  const finding = startFinding("every send is acknowledged in the end");
  for (const { outcome, clientMessageId, way } of sends) {
    finding.examine();
    if (outcome.kind === "acknowledged") continue;
    const why = outcome.kind === "rejected" ? `was rejected: ${outcome.reason}` : "has no outcome";
    finding.violate(`${clientMessageId}, sent by ${way}, ${why}`);
  }
  return finding.finish();
}
