import { fromBinary } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Open } from "../../gen/parley/session/v1/session_pb.ts";
import {
  type PollRequest,
  type PollResponse,
  PollResponseSchema,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { SessionsHere } from "./any-node.ts";
import type { AttachedSession } from "./attached-session.ts";
import type { EncodedFrame } from "./frame-writer.ts";
import { PollOutlet } from "./poll-outlet.ts";
import { pollWaitMsDefault } from "./session-limits.ts";
import { type SessionCaller, sessionNotFoundFault } from "./session-registry.ts";
import type { SessionCallDeps, SessionRouteDeps } from "./session-route-deps.ts";
import { durationMs } from "./wire-time.ts";

/** Poll: one round of a long poll, whichever node it reaches; the first one opens a session at that node. */
export function createPoll({ calls }: SessionRouteDeps) {
  return (request: PollRequest, context: HandlerContext): Promise<PollResponse> =>
    calls.poll(request, callerOf(context), context.signal);
}

/** Poll at the node of the session. */
export function pollHere(deps: SessionCallDeps): SessionsHere["poll"] {
  return async (request, caller, signal) => {
    const { session: target, ack } = request;
    const session =
      target.case === "open"
        ? await openPolled(deps, target.value, { caller, signal })
        : deps.registry.find(target.value ?? "", caller);
    if (!(session.outlet instanceof PollOutlet)) throw sessionNotFoundFault(session.device.sessionId);
    session.touch(caller.tokenExpireMs);
    session.acknowledgePoll(ack);
    const waitMs = request.wait === undefined ? pollWaitMsDefault : durationMs(request.wait);
    return responseOf(await session.outlet.poll(waitMs, signal));
  };
}

async function openPolled(
  { registry, clock }: SessionCallDeps,
  open: Open,
  { caller, signal }: { readonly caller: SessionCaller; readonly signal: AbortSignal },
): Promise<AttachedSession> {
  const arrival = registry.arrive(caller, signal);
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
