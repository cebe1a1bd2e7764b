import type { EntryRow } from "../../message/ports.ts";
import type { NodeStore } from "../../node/node-core.ts";
import type { AppendFault } from "../faulty-entry-log.ts";
import type { SeededRng } from "../seeded-rng.ts";
import type { MajorityLog } from "./majority-log.ts";
import type { DelayPlan } from "./sim-delay.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/**
 * Which real store is simulated. `sqlite`: heads in the append's transaction, the worker dies and freezes with its process,
 * calls of one process keep their order. `mongo`: heads apart, requests under way outlive their process and overtake one
 * another, a majority lags behind the primary.
 */
export type SimStoreKind = "sqlite" | "mongo";

/**
 * What an append may come to beside what it should: those of `faulty-entry-log.ts`, and `rollBack`, which a primary does
 * that is replaced before a majority has its rows.
 */
export type SimAppendFault = AppendFault | "rollBack";

/** What can happen on each kind. A transaction has no prefix, and a single machine nothing to roll back. */
export const appendFaultsOf: Readonly<Record<SimStoreKind, readonly SimAppendFault[]>> = {
  sqlite: ["refuse", "loseUnknown", "applyUnknown", "late"],
  mongo: ["refuse", "loseUnknown", "applyUnknown", "prefixUnknown", "late", "rollBack"],
};

/** How a store behaves. Rates are of single calls and may be changed at any time; times in milliseconds. */
export interface StorePlan {
  readonly kind: SimStoreKind;
  /**
   * `local` shows rows of the primary that no majority has, and that may be rolled back, as MongoDB's read concern of that
   * name does; `majority` when unset.
   */
  readonly readConcern?: "majority" | "local";
  /** One way. */
  readonly delay: DelayPlan;
  appendFaultRate: number;
  /** Of other writes: they are done and then fail, or fail, or fail and are done later. */
  writeFaultRate: number;
  readFaultRate: number;
  /** What comes late comes within this time. */
  readonly lateMsMax: number;
  /** A majority has a row within this time. */
  readonly majorityLagMsMax: number;
}

/** What was injected and observed, for reports and for the rule that a run without trouble proves nothing. */
export interface StoreTally {
  appends: number;
  entries: number;
  /** Appends that were answered with an unknown outcome. */
  unknownOutcomes: number;
  refused: number;
  /** Appends that came to an end that nobody heard of, because their process died. */
  unheard: number;
  writesFailed: number;
  readsFailed: number;
  /** Entries of a conversation that another process than the one before appended. */
  takeovers: number;
}

/** What all views of one store share. */
export interface StoreCore {
  readonly scheduler: SimScheduler;
  readonly rng: SeededRng;
  readonly plan: StorePlan;
  readonly tally: StoreTally;
  /** Grows when the store is put back: what was on its way to the one before is lost. */
  readonly era: number;
  /** Without delays and faults. */
  readonly collections: NodeStore & { readonly entries: MajorityLog };
  /** The store cannot be reached by the process. */
  isAway(process: SimProcess): boolean;
  /** Another process holds the lock of the file and stands still. */
  isLockedFor(process: SimProcess): boolean;
  /** Rows that are in the log now, by the process that appended them. */
  noteEntries(process: SimProcess, rows: readonly EntryRow[]): void;
}
