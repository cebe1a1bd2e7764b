import type { AppendOutcome, EntryRow, HeadRow } from "../../message/ports.ts";
import { appendFaultsOf, type SimAppendFault } from "./sim-store-core.ts";
import type { StoreRoad } from "./store-road.ts";

/** Of the appends to a store that is away, how many may have reached it for all that one knows. */
const awayUnknownRate = 0.2;

/** Appends rows the way the simulated store does, or fails to. */
export async function appendThrough(road: StoreRoad, rows: readonly EntryRow[]): Promise<AppendOutcome> {
  const { plan, rng, tally } = road.core;
  tally.appends += 1;
  road.appendsUnderWay += 1;
  const outcome = await road.carry<AppendOutcome>((answer) => {
    road.whenUnlocked((isLocked) => {
      const isFaulty = rng.fraction() < plan.appendFaultRate;
      const lagMs = plan.kind === "mongo" ? rng.fraction() * plan.majorityLagMsMax : 0;
      if (isLocked) answer(Promise.resolve(failed("refused", "the file is locked")));
      else if (road.core.isAway(road.process))
        answer(Promise.resolve(whileAway(rng.fraction())), road.awayMs());
      else if (isFaulty) answer(withFault(road, rows, { fault: rng.pick(appendFaultsOf[plan.kind]), lagMs }));
      else answer(apply(road, rows, lagMs), lagMs);
    });
  });
  road.appendsUnderWay -= 1;
  if (outcome.kind === "unknown") tally.unknownOutcomes += 1;
  if (outcome.kind === "refused") tally.refused += 1;
  return outcome;
}

function whileAway(fraction: number): AppendOutcome {
  return failed(fraction < awayUnknownRate ? "unknown" : "refused", "the store is away");
}

async function withFault(
  road: StoreRoad,
  rows: readonly EntryRow[],
  { fault, lagMs }: { readonly fault: SimAppendFault; readonly lagMs: number },
): Promise<AppendOutcome> {
  const { core, process } = road;
  core.scheduler.note(`${process.name} append: ${fault}`);
  switch (fault) {
    case "refuse":
      return failed("refused", fault);
    case "loseUnknown":
      break;
    case "applyUnknown":
      await apply(road, rows, lagMs);
      break;
    case "prefixUnknown":
      await apply(road, rows.slice(0, core.rng.integerBelow(rows.length + 1)), lagMs);
      break;
    case "late":
      road.late(() => void apply(road, rows, lagMs));
      break;
    case "rollBack":
      core.collections.entries.rollBack(rows, lagMs);
      break;
  }
  return failed("unknown", fault);
}

/** Writes the rows; where heads are in the same transaction, raises them with it. */
async function apply(road: StoreRoad, rows: readonly EntryRow[], lagMs: number): Promise<AppendOutcome> {
  const { core, process } = road;
  const { entries, heads } = core.collections;
  const outcome = await entries.appendLagging(rows, lagMs);
  if (outcome.kind !== "committed" && outcome.kind !== "duplicate") return outcome;
  const written = outcome.kind === "duplicate" ? rows.slice(0, outcome.index) : rows;
  core.noteEntries(process, written);
  if (core.plan.kind === "mongo") return outcome;
  const runs = Map.groupBy(
    written.filter(({ seq }) => seq > 0n),
    ({ conversationId }) => conversationId,
  );
  const before = await heads.read([...runs.keys()]);
  const headOf = new Map(before.map((row) => [row.conversationId, row]));
  await heads.raise(Array.from(runs, ([id, run]) => raisedBy(id, run, headOf.get(id)?.appliedSeq ?? 0n)));
  return { ...outcome, headsRaised: true };
}

/** As the trigger of the SQLite adapter does: `appliedSeq` moves along only where it stands right before the run. */
function raisedBy(conversationId: string, run: readonly EntryRow[], appliedSeq: bigint): HeadRow {
  const last = run.at(-1);
  const headSeq = last?.seq ?? 0n;
  const firstEffect = run.find(({ hasEffects }) => hasEffects)?.seq;
  const prefixEnd = firstEffect === undefined ? headSeq : firstEffect - 1n;
  const isNext = appliedSeq === (run[0]?.seq ?? 1n) - 1n;
  const [kind, low, high] = conversationId.split("-");
  return {
    conversationId,
    headSeq,
    messageOrdinal: last?.messageOrdinal ?? 0n,
    appliedSeq: isNext ? prefixEnd : appliedSeq,
    changeTimeMs: Math.max(...run.map(({ createTimeMs }) => createTimeMs)),
    memberLow: kind === "d" ? (low ?? "") : "",
    memberHigh: kind === "d" ? (high ?? "") : "",
  };
}

function failed(kind: "refused" | "unknown", why: string): AppendOutcome {
  return { kind, cause: new Error(`simulated fault: ${why}`) };
}
