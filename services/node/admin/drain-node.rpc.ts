import type { MethodImpl } from "@connectrpc/connect";
import type { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../../kernel/fault.ts";
import { type AdminDeps, adminCallMsMax, adminCalls } from "./admin-deps.ts";

const retryDelayMs = 1_000;

/** DrainNode: passed on to the node itself, which may be this one. */
export function drainNode(deps: AdminDeps): MethodImpl<typeof AdminService.method.drainNode> {
  return async ({ nodeId }) => {
    await askToChange(deps, nodeId, adminCalls.drain);
    return {};
  };
}

/** UndrainNode: the other way round. */
export function undrainNode(deps: AdminDeps): MethodImpl<typeof AdminService.method.undrainNode> {
  return async ({ nodeId }) => {
    await askToChange(deps, nodeId, adminCalls.undrain);
    return {};
  };
}

async function askToChange({ mesh }: AdminDeps, nodeId: string, name: string): Promise<void> {
  const isKnown = nodeId === mesh.self().nodeId || mesh.nodes().some((node) => node.nodeId === nodeId);
  const metadata = { node_id: nodeId };
  if (!isKnown) throw new Fault(ErrorReason.NODE_NOT_FOUND, `no node ${nodeId} is registered`, { metadata });
  const outcome = await mesh.call(nodeId, { name, body: new Uint8Array(), timeoutMs: adminCallMsMax });
  if (outcome.kind === "answered") return;
  const message = `node ${nodeId} is registered and did not answer - ${outcome.message}`;
  throw new Fault(ErrorReason.NODE_UNREACHABLE, message, { metadata, retryDelayMs });
}
