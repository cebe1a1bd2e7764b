import type { ConversationAccess } from "./conversation-access.ts";
import { readEntryAt } from "./history-page.ts";
import type { EntryLogStore } from "./ports.ts";
import { spansAbove } from "./visibility.ts";

/** How far an account has read. */
export interface ReadCursorPosition {
  readonly readSeq: bigint;
  readonly readOrdinal: bigint;
}

/**
 * Messages that the account may see and has not read: differences of ordinals, one for each span above the cursor.
 * It reads nothing when the cursor and the newest entry are the only ends, which is the usual case.
 */
export async function countUnread(
  log: EntryLogStore,
  conversation: Pick<ConversationAccess, "conversationId" | "spans" | "newest">,
  cursor: ReadCursorPosition,
): Promise<bigint> {
  const { conversationId, spans, newest } = conversation;
  const ordinalAt = async (seq: bigint): Promise<bigint> => {
    if (seq === 0n) return 0n;
    if (seq === newest.seq) return newest.messageOrdinal;
    if (seq === cursor.readSeq) return cursor.readOrdinal;
    return (await readEntryAt(log, conversationId, seq)).messageOrdinal;
  };
  let unread = 0n;
  for (const { low, high } of spansAbove(spans, cursor.readSeq)) {
    unread += (await ordinalAt(high)) - (await ordinalAt(low));
  }
  return unread;
}
