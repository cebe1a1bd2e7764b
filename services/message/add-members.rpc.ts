import type { MethodImpl } from "@connectrpc/connect";
import type { GroupService } from "../../gen/parley/message/v1/group_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import { assertGroupId, changeGroup, type GroupChanges } from "./group-command.ts";

/** AddMembers. */
export function addMembers(changes: GroupChanges): MethodImpl<typeof GroupService.method.addMembers> {
  return async ({ conversationId, requestId, accountIds }, context) => {
    assertGroupId(conversationId, callerOf(context).accountId);
    const body = { kind: "addMembers", accountIds } as const;
    return { position: await changeGroup(changes, context, { conversationId, requestId, body }) };
  };
}
