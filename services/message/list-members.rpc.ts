import type { MethodImpl } from "@connectrpc/connect";
import type { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { type AccessStores, accessConversation } from "./conversation-access.ts";
import { notAMember, pageTokenInvalid } from "./conversation-faults.ts";
import { encodeRole } from "./conversation-view.ts";
import { isMember } from "./effects.ts";
import { assertGroupId } from "./group-command.ts";
import { pageSizeOf } from "./page-size.ts";
import { decodePageToken, encodePageToken } from "./page-token.ts";
import type { MemberRow } from "./ports.ts";

/** Members in a page, and what is taken for 0; larger wishes are cut to the maximum. */
export const membersPerPage = { default: 100, max: 500 } as const;

/** ListMembers. */
export function listMembers(stores: AccessStores): MethodImpl<typeof GroupService.method.listMembers> {
  return async ({ conversationId, pageSize, pageToken }, context) => {
    const { accountId } = callerOf(context);
    assertGroupId(conversationId, accountId);
    const after = decodeAfter(pageToken, conversationId);
    const access = await accessConversation(stores, accountId, conversationId);
    if (!access.member) throw notAMember(conversationId);
    const rows = await stores.memberships.ofConversation(conversationId);
    const members = rows.filter((row) => isMember(row) && row.accountId > after);
    const page = members.slice(0, pageSizeOf(pageSize, membersPerPage));
    const last = page.at(-1)?.accountId;
    return {
      members: page.map(memberOf),
      nextPageToken:
        last === undefined || page.length === members.length
          ? ""
          : encodePageToken("members", [conversationId, last]),
    };
  };
}

function memberOf({ accountId, role, intervals }: MemberRow) {
  return { accountId, role: encodeRole(role), joinedSeq: (intervals.at(-1)?.from ?? 0n) + 1n };
}

function decodeAfter(pageToken: string, conversationId: string): string {
  const fields = decodePageToken("members", pageToken, 2);
  if (fields === undefined) return "";
  const [tokenConversationId, after = ""] = fields;
  if (tokenConversationId !== conversationId) throw pageTokenInvalid();
  return after;
}
