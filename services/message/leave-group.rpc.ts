import type { MethodImpl } from "@connectrpc/connect";
import type { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { assertGroupId, changeGroup, type GroupChanges } from "./group-command.ts";

/** LeaveGroup. */
export function leaveGroup(changes: GroupChanges): MethodImpl<typeof GroupService.method.leaveGroup> {
  return async ({ conversationId, requestId }, context) => {
    assertGroupId(conversationId, callerOf(context).accountId);
    const body = { kind: "leaveGroup" } as const;
    return { position: await changeGroup(changes, context, { conversationId, requestId, body }) };
  };
}
