import type { HandlerContext } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { ReceiveRequest, ReceiveResponse } from "../../gen/parley/session/v1/session_service_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { callerOf } from "../rpc/caller.ts";
import { pushStreamOf } from "../rpc/push-stream.ts";
import { createPushOutlet } from "./push-outlet.ts";
import type { SessionRouteDeps } from "./session-route-deps.ts";

/** Receive: the one-way stream. The responses are pushed, so the generator itself yields nothing. */
export function createReceive({ registry }: SessionRouteDeps) {
  return async function* receive(
    { open }: ReceiveRequest,
    context: HandlerContext,
  ): AsyncGenerator<ReceiveResponse> {
    if (open === undefined) throw new Fault(ErrorReason.OPEN_MISSING, "A stream begins with open");
    const arrival = registry.arrive(callerOf(context), context.signal);
    try {
      const session = await arrival.open(open, createPushOutlet(pushStreamOf(context)));
      await session.endedWith(context.signal);
      yield* [];
    } finally {
      arrival.leave();
    }
  };
}
