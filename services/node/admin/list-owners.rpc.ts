import type { MethodImpl } from "@connectrpc/connect";
import type { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { conversationTopic, userTopic } from "../../mesh/router.ts";
import type { AdminDeps } from "./admin-deps.ts";

/** ListOwners: who owns the topic of a conversation or account, and who would. */
export function listOwners(deps: AdminDeps): MethodImpl<typeof AdminService.method.listOwners> {
  return ({ subject }) => {
    const id = subject.value ?? "";
    const topic = subject.case === "accountId" ? userTopic(id) : conversationTopic(id);
    return { nodeIds: [...deps.ownersOf(topic)] };
  };
}
