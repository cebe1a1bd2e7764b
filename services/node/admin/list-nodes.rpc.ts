import { fromBinary } from "@bufbuild/protobuf";
import type { MethodImpl } from "@connectrpc/connect";
import type { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import { type AdminDeps, adminCalls } from "./admin-deps.ts";
import { askEveryNode } from "./ask-every-node.ts";
import { registeredNode } from "./node-status.ts";

/** ListNodes: every node that this one knows of, as each says itself. */
export function listNodes(deps: AdminDeps): MethodImpl<typeof AdminService.method.listNodes> {
  return async () => {
    const nodes = await askEveryNode(deps, {
      name: adminCalls.status,
      body: new Uint8Array(),
      own: deps.status(),
      parse: (body) => fromBinary(NodeSchema, body),
      silent: registeredNode,
    });
    return { nodes, nodeId: deps.mesh.self().nodeId };
  };
}
