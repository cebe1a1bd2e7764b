import type { ConnectRouter } from "@connectrpc/connect";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";

/**
 * Registers stand-ins for methods that do not exist: one unary and one streaming method, which differ in how
 * Connect writes their errors. They only lend connect's protocols a descriptor; the gate of their router ends
 * every call before an implementation is reached.
 */
export function unknownMethodRoutes(router: ConnectRouter): void {
  router.rpc(Health.method.check, () => unreachable());
  router.rpc(Health.method.watch, () => unreachable());
}

function unreachable(): never {
  throw new Error("the gate of unknown methods let a call through");
}
