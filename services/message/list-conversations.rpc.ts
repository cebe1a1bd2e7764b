import { create, toBinary } from "@bufbuild/protobuf";
import type { MethodImpl } from "@connectrpc/connect";
import type { Conversation } from "../../gen/parley/message/v1/conversation_pb.ts";
import {
  type ConversationService,
  ListConversationsResponseSchema,
} from "../../gen/parley/message/v1/conversation_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { listAccountConversations } from "./account-conversations.ts";
import { pageTokenInvalid } from "./conversation-faults.ts";
import { type ActivityKey, type ListPosition, takePage } from "./conversation-order.ts";
import { describeConversations } from "./conversation-view.ts";
import { pageBytesMax } from "./list-entries.rpc.ts";
import { pageSizeOf } from "./page-size.ts";
import { decodePageToken, encodePageToken, pageTokenLengthMax } from "./page-token.ts";
import type { Reading } from "./reading.ts";

/** Conversations in a page, and what is taken for 0; larger wishes are cut to the maximum. */
export const conversationsPerPage = { default: 50, max: 200 } as const;

/**
 * ListConversations. Every page looks through all conversations of the account, since what is newest changes all
 * the time; only those of the page are read in full. A page of large last entries is halved until it has at most
 * `pageBytesMax`: gRPC clients refuse answers of more than 4 MiB by default.
 */
export function listConversations(
  reading: Reading,
): MethodImpl<typeof ConversationService.method.listConversations> {
  return async (request, context) => {
    const { accountId } = callerOf(context);
    const position = decodePosition(request.pageToken);
    const nowMs = reading.clock.wallMs();
    const all = await listAccountConversations(reading, accountId);
    let size = pageSizeOf(request.pageSize, conversationsPerPage);
    let page = takePage(all, position, { size, nowMs });
    let conversations = await describeConversations(reading, accountId, page.items);
    // A smaller page holds some of a larger one's items, though not always its first ones.
    while (conversations.length > 1 && bytesOf(conversations) > pageBytesMax) {
      size = Math.ceil(conversations.length / 2);
      page = takePage(all, position, { size, nowMs });
      const kept = new Set(page.items.map((item) => item.conversationId));
      conversations = conversations.filter(({ conversationId }) => kept.has(conversationId));
    }
    const nextPageToken = page.next === undefined ? "" : encodePosition(page.next);
    return { conversations, nextPageToken };
  };
}

/** Bytes of a page as it is sent. */
function bytesOf(conversations: Conversation[]): number {
  const page = create(ListConversationsResponseSchema, { conversations });
  return toBinary(ListConversationsResponseSchema, page).length + pageTokenLengthMax;
}

function encodePosition({ below, since }: ListPosition): string {
  const fields = [below, since].flatMap((key) => [String(key.activityMs), key.conversationId]);
  return encodePageToken("conversations", fields);
}

function decodePosition(token: string): ListPosition | undefined {
  const fields = decodePageToken("conversations", token, 4);
  if (fields === undefined) return undefined;
  const [belowMs = "", belowId = "", sinceMs = "", sinceId = ""] = fields;
  return { below: keyOf(belowMs, belowId), since: keyOf(sinceMs, sinceId) };
}

function keyOf(activityText: string, conversationId: string): ActivityKey {
  const activityMs = Number(activityText);
  if (!Number.isFinite(activityMs) || String(activityMs) !== activityText) throw pageTokenInvalid();
  return { activityMs, conversationId };
}
