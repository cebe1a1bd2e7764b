import type { ConnectRouter } from "@connectrpc/connect";
import { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import type { AdminDeps } from "./admin-deps.ts";
import { drainNode, undrainNode } from "./drain-node.rpc.ts";
import { explainEntry } from "./explain-entry.rpc.ts";
import { listNodes } from "./list-nodes.rpc.ts";
import { listOwners } from "./list-owners.rpc.ts";

/** AdminService, for the admin listener only. */
export function adminRoutes(deps: AdminDeps): (router: ConnectRouter) => void {
  return (router) => {
    router.service(AdminService, {
      listNodes: listNodes(deps),
      listOwners: listOwners(deps),
      explainEntry: explainEntry(deps),
      drainNode: drainNode(deps),
      undrainNode: undrainNode(deps),
    });
  };
}
