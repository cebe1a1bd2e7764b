import type { MethodImpl } from "@connectrpc/connect";
import type { ConversationService } from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { accessConversation, type ConversationAccess } from "./conversation-access.ts";
import { positionAboveHead } from "./conversation-faults.ts";
import { readEntryAt } from "./history-page.ts";
import { type Reading, readPersonal } from "./reading.ts";
import { readCursorEvents, versionsEvent } from "./signals.ts";
import { countUnread, type ReadCursorPosition } from "./unread.ts";

/** MarkRead. */
export function markRead(reading: Reading): MethodImpl<typeof ConversationService.method.markRead> {
  return async (request, context) => {
    const { accountId } = callerOf(context);
    const access = await accessConversation(reading, accountId, request.conversationId);
    const cursor = await moveReadCursor(reading, access, { accountId, seq: request.seq });
    return {
      readSeq: cursor.readSeq,
      unreadCount: await countUnread(reading.entries, access, cursor),
    };
  };
}

/**
 * Moves the cursor up to `seq`, or leaves it where it is when it has come further, and tells who is to know.
 * Throws Fault POSITION_ABOVE_HEAD above the newest entry that the account may see.
 */
async function moveReadCursor(
  reading: Reading,
  access: ConversationAccess,
  { accountId, seq }: { readonly accountId: string; readonly seq: bigint },
): Promise<ReadCursorPosition> {
  const { conversationId, newest } = access;
  if (seq > newest.seq) throw positionAboveHead(seq, newest.seq);
  const personal = await readPersonal(reading, accountId, [conversationId]);
  const before = personal.get(conversationId);
  if (before !== undefined && before.readSeq >= seq) return before;
  const row = seq === newest.seq ? newest : await readEntryAt(reading.entries, conversationId, seq);
  const cursor = { readSeq: seq, readOrdinal: row.messageOrdinal };
  const version = await reading.versions.next();
  await reading.personal.raiseReadCursors([{ accountId, conversationId, ...cursor, version }]);
  for (const event of readCursorEvents(access, accountId, seq)) reading.events.publish(event);
  reading.events.publish(versionsEvent(accountId, version));
  return cursor;
}
