import { createSlot, isIdle, type Slot } from "./conversation-slot.ts";

/** Bounds of the table. */
export interface TableLimits {
  readonly loadedConversationsMax: number;
  readonly loadedMembersMax: number;
  readonly recentIdsMax: number;
}

/** The conversations in an owner's memory, the one used last being the last. */
export interface ConversationTable {
  readonly size: number;
  /** Members of all groups in memory, as of their last use. */
  readonly members: number;
  /** The slot, made if there is none; undefined when the table is full of busy ones. */
  obtain(conversationId: string): Slot | undefined;
}

/** How many of the slots unused for longest are looked at for an idle one; those behind them were used later. */
const evictionScanMax = 64;

/** Creates an empty table. Only idle slots give way. */
export function createConversationTable(limits: TableLimits): ConversationTable {
  // A Map iterates in order of insertion, so re-inserting on use keeps the least recent one first.
  const slots = new Map<string, Slot>();
  let members = 0;

  const remove = (slot: Slot): void => {
    if (slots.get(slot.conversationId) !== slot) return;
    slots.delete(slot.conversationId);
    members -= slot.weight;
  };

  const isOver = (): boolean =>
    slots.size > limits.loadedConversationsMax || members > limits.loadedMembersMax;

  /** Makes room; false when the slots unused for longest are all busy. */
  const shrink = (spare: Slot): boolean => {
    let looked = 0;
    for (const slot of slots.values()) {
      if (!isOver() || looked >= evictionScanMax) break;
      looked += 1;
      if (slot !== spare && isIdle(slot)) remove(slot);
    }
    return slots.size <= limits.loadedConversationsMax;
  };

  return {
    get size() {
      return slots.size;
    },
    get members() {
      return members;
    },
    obtain(conversationId) {
      const slot = slots.get(conversationId) ?? createSlot(conversationId, limits.recentIdsMax);
      remove(slot);
      slot.weight = slot.committed.members.size;
      slots.set(conversationId, slot);
      members += slot.weight;
      if (!isOver() || shrink(slot) || slot.phase !== "unloaded") return slot;
      remove(slot);
      return undefined;
    },
  };
}
