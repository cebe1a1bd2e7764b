import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { type Clock, sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { AppendOutcome, EntryLogStore, EntryRow } from "../message/ports.ts";
import type { SeededRng } from "./seeded-rng.ts";

/**
 * What a store can do to an append beside doing it. Each was shown by a real adapter's test:
 * - `refuse`: nothing is written, and the store says so (`services/sqlite/database.test.ts`, a full disk);
 * - `loseUnknown`: nothing is written, and nobody can say so (`services/sqlite/worker-loss.test.ts`, killed before COMMIT);
 * - `applyUnknown`: all is written, and the answer is lost (the same, killed after COMMIT);
 * - `prefixUnknown`: the first rows are written, and the answer is lost (an ordered insertMany of several rows);
 * - `late`: the answer is lost, and the rows are written afterwards (the same, silent for too long).
 */
export type AppendFault = "refuse" | "loseUnknown" | "applyUnknown" | "prefixUnknown" | "late";

export const appendFaults: readonly AppendFault[] = [
  "refuse",
  "loseUnknown",
  "applyUnknown",
  "prefixUnknown",
  "late",
];

/** How a faulty log behaves. Rates are probabilities, delays in milliseconds of the clock. */
export interface FaultPlan {
  readonly clock: Clock;
  readonly rng: SeededRng;
  /** Of an append to go wrong in one of the ways of `faults`. */
  readonly appendFaultRate: number;
  /** All of `appendFaults` when unset. */
  readonly faults?: readonly AppendFault[];
  /** Of a read to reject with STORE_UNAVAILABLE. */
  readonly readFaultRate: number;
  /** Every operation takes up to this long. */
  readonly delayMsMax: number;
  /** A late commit comes up to this long after its answer. */
  readonly lateMsMax: number;
}

/** An entry log with simulated faults, over a log that has none. */
export interface FaultyEntryLog extends EntryLogStore {
  /** How often each fault was injected; a run that met few of them proves little. */
  readonly injected: ReadonlyMap<AppendFault | "read", number>;
  /** From now on nothing goes wrong any more; late commits that are on their way still come. */
  heal(): void;
}

/** Wraps `log` so that it fails by a seeded plan. */
export function createFaultyEntryLog(log: EntryLogStore, plan: FaultPlan): FaultyEntryLog {
  const { clock, rng } = plan;
  const injected = new Map<AppendFault | "read", number>();
  let healed = false;

  const count = (fault: AppendFault | "read"): void =>
    void injected.set(fault, (injected.get(fault) ?? 0) + 1);
  const delay = (): Promise<void> => sleep(clock, rng.integerBelow(plan.delayMsMax + 1));
  const happens = (rate: number): boolean => !healed && rng.fraction() < rate;

  const appendWith = async (fault: AppendFault, rows: readonly EntryRow[]): Promise<AppendOutcome> => {
    count(fault);
    const cause = new Error(`simulated fault: ${fault}`);
    switch (fault) {
      case "refuse":
        return { kind: "refused", cause };
      case "loseUnknown":
        return { kind: "unknown", cause };
      case "applyUnknown":
        await log.append(rows);
        return { kind: "unknown", cause };
      case "prefixUnknown":
        await log.append(rows.slice(0, rng.integerBelow(rows.length + 1)));
        return { kind: "unknown", cause };
      case "late":
        clock.after(1 + rng.integerBelow(plan.lateMsMax), () => void log.append(rows));
        return { kind: "unknown", cause };
    }
  };

  const read = async <T>(operation: () => Promise<T>): Promise<T> => {
    await delay();
    if (happens(plan.readFaultRate)) {
      count("read");
      throw new Fault(ErrorReason.STORE_UNAVAILABLE, "simulated fault: read", { retryDelayMs: 1_000 });
    }
    return operation();
  };

  return {
    injected,
    heal: () => void (healed = true),
    append: async (rows) => {
      await delay();
      const outcome = happens(plan.appendFaultRate)
        ? await appendWith(rng.pick(plan.faults ?? appendFaults), rows)
        : await log.append(rows);
      await delay();
      return outcome;
    },
    readAfter: (conversationId, afterSeq, limit) =>
      read(() => log.readAfter(conversationId, afterSeq, limit)),
    readBefore: (conversationId, beforeSeq, limit) =>
      read(() => log.readBefore(conversationId, beforeSeq, limit)),
    readByClientIds: (conversationId, keys) => read(() => log.readByClientIds(conversationId, keys)),
    readLast: (conversationIds) => read(() => log.readLast(conversationIds)),
  };
}
