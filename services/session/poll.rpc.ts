import { fromBinary } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Open } from "../../gen/parley/session/v1/session_pb.ts";
import {
  type PollRequest,
  type PollResponse,
  PollResponseSchema,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { type Caller, callerOf } from "../rpc/caller.ts";
import type { AttachedSession } from "./attached-session.ts";
import type { EncodedFrame } from "./frame-writer.ts";
import { PollOutlet } from "./poll-outlet.ts";
import { pollWaitMsDefault } from "./session-limits.ts";
import { sessionNotFoundFault } from "./session-registry.ts";
import type { SessionRouteDeps } from "./session-route-deps.ts";
import { durationMs } from "./wire-time.ts";

/** Poll: one round of a long poll; the first one opens. */
export function createPoll(deps: SessionRouteDeps) {
  return async (request: PollRequest, context: HandlerContext): Promise<PollResponse> => {
    const { session: target, ack } = request;
    const caller = callerOf(context);
    const session =
      target.case === "open"
        ? await openPolled(deps, target.value, caller)
        : deps.registry.find(target.value ?? "", caller);
    if (!(session.outlet instanceof PollOutlet)) throw sessionNotFoundFault(session.device.sessionId);
    session.touch(caller.tokenExpireMs);
    session.acknowledgePoll(ack);
    const waitMs = request.wait === undefined ? pollWaitMsDefault : durationMs(request.wait);
    return responseOf(await session.outlet.poll(waitMs, context.signal));
  };
}

async function openPolled(
  { registry, clock }: SessionRouteDeps,
  open: Open,
  caller: Caller,
): Promise<AttachedSession> {
  const arrival = registry.arrive(caller);
  try {
    return await arrival.open(open, new PollOutlet(clock));
  } finally {
    arrival.leave();
  }
}

/** A frame of a PollResponse has the same bytes as an AttachResponse, so they only stand one after another. */
function responseOf(frames: readonly EncodedFrame[]): PollResponse {
  return fromBinary(PollResponseSchema, Buffer.concat(frames.flatMap((frame) => frame.parts)));
}
