import type { AppendOutcome, EntryLogStore, EntryRow } from "../../message/ports.ts";
import { createLocalReads } from "./local-reads.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** An entry log of which a majority has not everything yet. */
export interface MajorityLog extends EntryLogStore {
  /** Appends rows that meet the unique indexes at once and are read only after `lagMs`. */
  appendLagging(rows: readonly EntryRow[], lagMs: number): Promise<AppendOutcome>;
  /** Rows that meet the unique indexes for `lagMs` and are gone then: they never reached a majority. */
  rollBack(rows: readonly EntryRow[], lagMs: number): void;
  /** Reads as the primary has the log, with what no majority has yet or ever will. */
  readonly local: Omit<EntryLogStore, "append">;
}

type Keyed = Pick<EntryRow, "conversationId" | "seq" | "senderId" | "clientMessageId">;

/**
 * What majority reads and unique indexes show of a replicated log. An index lives on the primary and knows a row at once;
 * a majority read shows it later, or never when the primary changes before. `log` holds what stays.
 */
export function createMajorityLog(log: EntryLogStore, scheduler: SimScheduler): MajorityLog {
  const fresh = new LaggingRows(scheduler);
  const ghosts = new LaggingRows(scheduler);
  let ghostRows: readonly EntryRow[] = [];
  const ghostsOf = (conversationId: string): readonly EntryRow[] => {
    ghostRows = ghostRows.filter((row) => ghosts.has(row));
    return ghostRows.filter((row) => row.conversationId === conversationId);
  };

  const append = async (rows: readonly EntryRow[], lagMs: number): Promise<AppendOutcome> => {
    const met = rows.findIndex((row) => ghosts.has(row));
    const tried = met === -1 ? rows : rows.slice(0, met);
    const outcome = await log.append(tried);
    const written = outcome.kind === "duplicate" ? tried.slice(0, outcome.index) : tried;
    if (lagMs > 0) for (const row of written) fresh.add(row, lagMs);
    if (outcome.kind !== "committed" || met === -1) return outcome;
    return { kind: "duplicate", index: met, headsRaised: false };
  };
  /** Rows in reading order, up to the first one that is not to be seen yet: what comes after it is not either. */
  const visible = (rows: EntryRow[]): EntryRow[] => {
    const first = rows.findIndex((row) => fresh.has(row));
    return first === -1 ? rows : rows.slice(0, first);
  };
  const lastVisible = async (conversationId: string): Promise<EntryRow[]> => {
    const firstFresh = fresh.firstSeq(conversationId);
    if (firstFresh === undefined) return log.readLast([conversationId]);
    return log.readBefore(conversationId, firstFresh, { entriesMax: 1, bytesMax: 1 });
  };

  return {
    local: createLocalReads(log, ghostsOf),
    append: (rows) => append(rows, 0),
    appendLagging: append,
    rollBack: (rows, lagMs) => {
      for (const row of rows) ghosts.add(row, lagMs);
      ghostRows = [...ghostRows.filter((row) => ghosts.has(row)), ...rows];
    },
    readAfter: async (conversationId, afterSeq, limit) =>
      visible(await log.readAfter(conversationId, afterSeq, limit)),
    readBefore: async (conversationId, beforeSeq, limit) => {
      const firstFresh = fresh.firstSeq(conversationId);
      const before = firstFresh !== undefined && firstFresh < beforeSeq ? firstFresh : beforeSeq;
      return log.readBefore(conversationId, before, limit);
    },
    readByClientIds: async (conversationId, keys) =>
      (await log.readByClientIds(conversationId, keys)).filter((row) => !fresh.has(row)),
    readLast: async (conversationIds) => (await Promise.all(conversationIds.map(lastVisible))).flat(),
  };
}

/** Keys of rows that are in a state for some time only. */
class LaggingRows {
  readonly #scheduler: SimScheduler;
  /** By key, until when. */
  readonly #until = new Map<string, number>();
  /** By conversation. */
  readonly #seqs = new Map<string, Map<bigint, number>>();

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  add(row: Keyed, lagMs: number): void {
    const untilMs = this.#scheduler.nowMs + lagMs;
    for (const key of keysOf(row)) this.#until.set(key, Math.max(untilMs, this.#until.get(key) ?? 0));
    if (row.seq < 1n) return;
    const seqs = this.#seqs.get(row.conversationId) ?? new Map<bigint, number>();
    this.#seqs.set(row.conversationId, seqs.set(row.seq, untilMs));
  }

  /** One of the row's keys is. */
  has(row: Keyed): boolean {
    return keysOf(row).some((key) => this.#isNow(this.#until.get(key)));
  }

  firstSeq(conversationId: string): bigint | undefined {
    let first: bigint | undefined;
    const seqs = this.#seqs.get(conversationId);
    for (const [seq, untilMs] of seqs ?? []) {
      if (!this.#isNow(untilMs)) seqs?.delete(seq);
      else if (first === undefined || seq < first) first = seq;
    }
    return first;
  }

  #isNow(untilMs: number | undefined): boolean {
    return untilMs !== undefined && untilMs > this.#scheduler.nowMs;
  }
}

function keysOf({ conversationId, seq, senderId, clientMessageId }: Keyed): string[] {
  return [`${conversationId} ${seq}`, `${conversationId} ${senderId} ${clientMessageId}`];
}
