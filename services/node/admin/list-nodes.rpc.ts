import { fromBinary } from "@bufbuild/protobuf";
import type { MethodImpl } from "@connectrpc/connect";
import type { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { type Node, NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import type { NodeRecord } from "../../mesh/node-record.ts";
import { type AdminDeps, adminCallMsMax, adminCalls } from "./admin-deps.ts";
import { registeredNode } from "./node-status.ts";

/** ListNodes: every node that this one knows of, as each says itself. */
export function listNodes(deps: AdminDeps): MethodImpl<typeof AdminService.method.listNodes> {
  return async () => {
    const self = deps.mesh.self();
    const others = deps.mesh.nodes().filter(({ nodeId }) => nodeId !== self.nodeId);
    const answers = await Promise.all(others.map((record) => askNode(deps, record)));
    return { nodes: [deps.status(), ...answers].sort(byNodeId), nodeId: self.nodeId };
  };
}

async function askNode({ mesh }: AdminDeps, record: NodeRecord): Promise<Node> {
  const call = { name: adminCalls.status, body: new Uint8Array(), timeoutMs: adminCallMsMax };
  const outcome = await mesh.call(record.nodeId, call);
  return outcome.kind === "answered" ? fromBinary(NodeSchema, outcome.body) : registeredNode(record);
}

function byNodeId(one: Node, other: Node): number {
  return one.nodeId < other.nodeId ? -1 : 1;
}
