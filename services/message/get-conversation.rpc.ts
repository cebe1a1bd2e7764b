import type { MethodImpl } from "@connectrpc/connect";
import type { Conversation } from "../../gen/parley/message/v1/conversation_pb.ts";
import type { ConversationService } from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { withActivity } from "./account-conversations.ts";
import { accessConversation, type ConversationAccess } from "./conversation-access.ts";
import { describeConversations } from "./conversation-view.ts";
import type { Reading } from "./reading.ts";

/** GetConversation. */
export function getConversation(
  reading: Reading,
): MethodImpl<typeof ConversationService.method.getConversation> {
  return async (request, context) => {
    const { accountId } = callerOf(context);
    const access = await accessConversation(reading, accountId, request.conversationId);
    return { conversation: await describeConversation(reading, accountId, access) };
  };
}

/** The conversation as the account sees it, as ListConversations would show it. */
export async function describeConversation(
  reading: Reading,
  accountId: string,
  access: ConversationAccess,
): Promise<Conversation> {
  const listed = await withActivity(reading.heads, access);
  const [conversation] = await describeConversations(reading, accountId, [listed]);
  if (conversation === undefined) throw new Error("a conversation was given and none came back");
  return conversation;
}
