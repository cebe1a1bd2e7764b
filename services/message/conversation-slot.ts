import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";
import type { AppendResult } from "./append-command.ts";
import { type ConversationState, emptyConversation } from "./conversation-state.ts";
import type { PendingAppend } from "./pending-append.ts";
import type { EntryRow } from "./ports.ts";
import { createRecentIds, type RecentIds } from "./recent-ids.ts";

/**
 * - `unloaded`: nothing is known; the first command loads it;
 * - `loading`: commands wait for the loader;
 * - `ready`: commands may be sequenced;
 * - `recovering`: commands wait for a read, because a rejection has to be proved or a batch failed.
 */
export type SlotPhase = "unloaded" | "loading" | "ready" | "recovering";

/** One conversation in an owner's memory. Its lane is the only one that changes it. */
export interface Slot {
  readonly conversationId: string;
  phase: SlotPhase;
  /** As the log has made it, as far as this owner knows; everything up to `committed.last` was published. */
  committed: ConversationState;
  /** `committed`, and on top of it the entries of the running batch. */
  tip: ConversationState;
  recent: RecentIds<PendingAppend, AppendResult>;
  /** Waiting commands in order of arrival; those withdrawn from a batch stand before the others. */
  queue: PendingAppend[];
  /** Items of this conversation in the running batch or in its tail. */
  busy: number;
  /** Effects up to here are in their rows, and the heads row says so. */
  appliedSeq: bigint;
  /** Committed entries above `appliedSeq`, in order. */
  unapplied: Entry[];
  /** Conflicts with another owner in a row. */
  conflicts: number;
  /** Members as the table counted them last. */
  weight: number;
}

/** What the loader found. */
export interface LoadedConversation {
  readonly state: ConversationState;
  /** The newest rows, ascending, whose client ids are remembered. */
  readonly recentRows: readonly EntryRow[];
}

/** A slot of which nothing is known yet. Throws for an id that no conversation can have. */
export function createSlot(conversationId: string, recentIdsMax: number): Slot {
  const empty = emptyConversation(conversationId);
  return {
    conversationId,
    phase: "unloaded",
    committed: empty,
    tip: empty,
    recent: createRecentIds(recentIdsMax),
    queue: [],
    busy: 0,
    appliedSeq: 0n,
    unapplied: [],
    conflicts: 0,
    weight: 0,
  };
}

/** Nothing would be lost or delayed if the slot were forgotten. */
export function isIdle(slot: Slot): boolean {
  const resting = slot.phase === "ready" || slot.phase === "unloaded";
  return resting && slot.busy === 0 && slot.queue.length === 0 && slot.unapplied.length === 0;
}
