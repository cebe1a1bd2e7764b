import { checkHistory } from "../../history/check-history.ts";
import { type Finding, startFinding } from "../../history/finding.ts";
import { type SeededRng, seededRng } from "../../testkit/seeded-rng.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { Device } from "../harness/device.ts";
import type { Way } from "../harness/link.ts";
import { listLog } from "../harness/listed-log.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { checkNoBug } from "../harness/no-bug.ts";
import { startParley } from "../harness/parley-process.ts";
import type { Progress, ScenarioReport } from "../harness/scenario-report.ts";
import { SendJournal } from "../harness/send-journal.ts";
import { directConversationId, registerUsers } from "../harness/user.ts";
import { DropPlan } from "./drop-plan.ts";
import { checkWithheldAcknowledgement } from "./withheld-acknowledgement.ts";

/** The burst stays at most so many entries ahead of the device, so that all of it is pushed and none of it listed. */
const aheadMax = 400;

/** It also stays so near to the next planned drop, that drops are not outrun by the end of the burst. */
const beyondDropMax = 100;

/** And goes on by so many at least, because a drop needs something that arrives. */
const stepMin = 20;

/** Events in the air: few, so that a frame holds fewer entries than lie between two drops. */
const window = 16;

/** Without any progress for so long the run counts as hung, in milliseconds. */
const stallMsMax = 60_000;

const ways: readonly Way[] = ["attach", "receive", "poll"];

/** Size of a run, for each way in which a device may be attached. */
export interface ReconnectOptions {
  readonly drops: number;
  readonly entries: number;
  readonly seed: number;
  readonly progress?: Progress;
}

/** Lets a device drop at random moments of a burst, by each way in turn, and checks what it has stored in the end. */
export async function runReconnect(options: ReconnectOptions): Promise<ScenarioReport> {
  await using node = await startParley({ flags: loadFlags });
  const rng = seededRng(options.seed);
  const withheld = checkWithheldAcknowledgement(node.publicUrl);
  // It is awaited below; until then a failure of it must not count as unhandled.
  withheld.catch(() => undefined);
  const reports: ScenarioReport[] = [];
  for (const way of ways) {
    reports.push(await runWay(node.publicUrl, way, { ...options, rng: rng.fork() }));
    options.progress?.(
      `${way}: ${reports
        .at(-1)
        ?.figures.map(([name, value]) => `${name}: ${value}`)
        .join("; ")}`,
    );
  }
  return {
    findings: [...reports.flatMap(({ findings }) => findings), await withheld, await checkNoBug(node)],
    figures: [["seed", `${options.seed}`], ...reports.flatMap(({ figures }) => figures)],
    void: reports.flatMap((report) => report.void),
  };
}

async function runWay(
  server: string,
  way: Way,
  options: ReconnectOptions & { readonly rng: SeededRng },
): Promise<ScenarioReport> {
  const { drops, entries, rng } = options;
  await using running = new AsyncDisposableStack();
  const [sendingUser, droppingUser] = await registerUsers(server, `${way}-`, 2);
  if (sendingUser === undefined || droppingUser === undefined) throw new Error("two users were asked for");
  const plan = new DropPlan({ way, drops, entries, rng, cut: () => dropping.cut() });
  const dropping = running.use(
    new Device({ user: droppingUser, way, window, crashAt: plan.crashAt }).start(),
  );
  const sending = running.use(new Device({ user: sendingUser, way: "attach" }).start());
  const conversationId = directConversationId(sendingUser.accountId, droppingUser.accountId);
  const giveUp = new AbortController();
  running.defer(() => {
    giveUp.abort();
    plan.stop();
  });
  const journal = new SendJournal(giveUp.signal);
  const startedMs = performance.now();
  await burst(entries, {
    held: () => Number(dropping.store.seqOf(conversationId)),
    nextDrop: () => (plan.nextSeq === undefined ? entries : Number(plan.nextSeq)),
    send: (index) => void journal.sendOnStream(sending, conversationId, `entry ${index}`),
  });
  const seconds = (performance.now() - startedMs) / 1000;
  await waitUntil(
    "both devices at the head",
    () => [dropping, sending].every(({ store }) => store.seqOf(conversationId) === BigInt(entries)),
    { timeoutMs: stallMsMax },
  );
  await waitUntil("all sends settled", () => journal.unsettled === 0, { timeoutMs: stallMsMax });
  const logs = [await listLog(droppingUser, conversationId)];
  const observers = [dropping, sending].map(({ store, user }) =>
    store.history(user.deviceId, conversationId),
  );
  const findings = checkHistory({ sends: journal.sends, logs, observers, reads: [] });
  const named = [...findings, plan.finding(), checkPushed(dropping, entries)];
  return {
    findings: named.map((finding) => ({ ...finding, check: `${finding.check} (${way})` })),
    figures: figuresOf(way, { plan, dropping, entries, seconds }),
    void: plan.left > 0 ? [`${plan.left} of ${drops} drops by ${way} never happened`] : [],
  };
}

interface Burst {
  /** How far the device that drops has come, and at which entry it drops next. */
  readonly held: () => number;
  readonly nextDrop: () => number;
  readonly send: (index: number) => void;
}

/** Sends numbered entries, each as soon as the device that drops has come near enough. */
async function burst(entries: number, { held, nextDrop, send }: Burst): Promise<void> {
  const end = (): number =>
    Math.min(entries, held() + aheadMax, Math.max(nextDrop() + beyondDropMax, held() + stepMin));
  for (let sent = 0; sent < entries; ) {
    await waitUntil("progress of the device", () => end() > sent, { timeoutMs: stallMsMax });
    for (const until = end(); sent < until; sent += 1) send(sent);
  }
}

/** The node itself left no gap and gave up nothing: every entry was pushed, since the burst never was far ahead. */
function checkPushed({ tally, failure }: Device, entries: number): Finding {
  const finding = startFinding("pushed without a gap");
  for (let index = 0; index < entries; index += 1) finding.examine();
  if (tally.gaps > 0) finding.violate(`${tally.gaps} entries came before the one that precedes them`);
  if (tally.behind > 0) finding.violate(`${tally.behind} times the node said behind`);
  if (tally.rewound > 0) finding.violate(`${tally.rewound} times the node said rewound`);
  if (failure !== undefined) finding.violate(`the device gave up: ${failure.message}`);
  return finding.finish();
}

function figuresOf(
  way: Way,
  run: {
    readonly plan: DropPlan;
    readonly dropping: Device;
    readonly entries: number;
    readonly seconds: number;
  },
): ScenarioReport["figures"] {
  const { plan, dropping, entries, seconds } = run;
  const kinds = [...plan.happened].map(([kind, count]) => `${kind} ${count}`).toSorted();
  const total = [...plan.happened.values()].reduce((sum, count) => sum + count, 0);
  const { streams, events, dropped } = dropping.tally;
  const again = plan.finding().examined;
  return [
    [`${way}: drops`, `${total} in ${seconds.toFixed(1)} s (${kinds.join(", ")})`],
    [
      `${way}: entries`,
      `${entries}, in ${streams} streams and ${events} events, ${dropped} of them held already`,
    ],
    [`${way}: arrived, died before it was stored, and came again`, `${again}`],
  ];
}
