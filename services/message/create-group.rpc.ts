import type { MethodImpl } from "@connectrpc/connect";
import type { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { groupConversationId } from "./conversation-id.ts";
import { changeGroup, type GroupChanges } from "./group-command.ts";

/** CreateGroup. The group's id follows from the request, so that a repeated one finds the same group. */
export function createGroup(changes: GroupChanges): MethodImpl<typeof GroupService.method.createGroup> {
  return async ({ requestId, name, memberIds }, context) => {
    const { accountId } = callerOf(context);
    const conversationId = groupConversationId(accountId, requestId.toLowerCase());
    const position = await changeGroup(changes, context, {
      conversationId,
      requestId,
      body: { kind: "createGroup", name, memberIds },
    });
    return { conversationId, position };
  };
}
