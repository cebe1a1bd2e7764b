import type { MethodImpl } from "@connectrpc/connect";
import type { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { assertGroupId, changeGroup, type GroupChanges } from "./group-command.ts";

/** RemoveMember. */
export function removeMember(changes: GroupChanges): MethodImpl<typeof GroupService.method.removeMember> {
  return async ({ conversationId, requestId, accountId }, context) => {
    assertGroupId(conversationId, callerOf(context).accountId);
    const body = { kind: "removeMember", accountId } as const;
    return { position: await changeGroup(changes, context, { conversationId, requestId, body }) };
  };
}
