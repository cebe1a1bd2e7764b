import { type AccessStores, readStanding } from "./conversation-access.ts";
import { conversationNotFound, positionAboveHead } from "./conversation-faults.ts";
import { parseConversationId } from "./conversation-id.ts";
import { readEntryAt } from "./history-page.ts";
import type { EntryRow } from "./ports.ts";
import { visibleSpans } from "./visibility.ts";

/** An entry as the store has it, and how an account stands to it. */
export interface LocatedEntry {
  readonly row: EntryRow;
  /** `notThen`: it was or is a member, at other times. `never`: it never was one. */
  readonly access: "visible" | "notThen" | "never";
}

/** Which entry, and whose access to it. */
export interface EntryQuestion {
  readonly conversationId: string;
  readonly seq: bigint;
  readonly accountId: string;
}

/**
 * Looks an entry up for an operator, who may ask for any. Throws Fault CONVERSATION_NOT_FOUND, POSITION_ABOVE_HEAD, or
 * what the store throws.
 */
export async function locateEntry(
  stores: AccessStores,
  { conversationId, seq, accountId }: EntryQuestion,
): Promise<LocatedEntry> {
  if (parseConversationId(conversationId) === undefined) throw conversationNotFound(conversationId);
  const [head] = await stores.entries.readLast([conversationId]);
  if (head === undefined || head.seq < 1n) throw conversationNotFound(conversationId);
  if (seq > head.seq) throw positionAboveHead(seq, head.seq);
  const row = seq === head.seq ? head : await readEntryAt(stores.entries, conversationId, seq);
  const standing = await readStanding(stores, accountId, conversationId);
  if (standing === undefined) return { row, access: "never" };
  const isVisible = visibleSpans(standing.intervals, head.seq).some(
    ({ low, high }) => low < seq && seq <= high,
  );
  return { row, access: isVisible ? "visible" : "notThen" };
}
