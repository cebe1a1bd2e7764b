import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import {
  type SubmitRequest,
  type SubmitResponse,
  SubmitResponseSchema,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { callerOf } from "../rpc/caller.ts";
import type { SessionsHere } from "./any-node.ts";
import type { SessionCallDeps, SessionRouteDeps } from "./session-route-deps.ts";
import { submitFrames } from "./submission.ts";

/** Submit: upward frames of a device on Receive or Poll, whichever node they reach. */
export function createSubmit({ calls }: SessionRouteDeps) {
  return (request: SubmitRequest, context: HandlerContext): Promise<SubmitResponse> =>
    calls.submit(request, callerOf(context), context.signal);
}

/** Submit at the node of the session. */
export function submitHere(deps: SessionCallDeps): SessionsHere["submit"] {
  return async ({ sessionId, frames }, caller, signal) => {
    const session = deps.registry.findActive(sessionId, caller);
    if (frames.some((frame) => frame.kind.case === "open")) {
      throw new Fault(ErrorReason.INVALID_FIELD, "Submit takes any frame but open", {
        metadata: { field: "frames", rule: "no_open" },
      });
    }
    session.touch(caller.tokenExpireMs);
    const results = await submitFrames(session, frames, { ...deps, signal });
    return create(SubmitResponseSchema, { results });
  };
}
