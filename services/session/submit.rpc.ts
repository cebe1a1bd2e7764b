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
import type { SessionRouteDeps } from "./session-route-deps.ts";
import { submitFrames } from "./submission.ts";

/** Submit: upward frames of a device on Receive or Poll. */
export function createSubmit(deps: SessionRouteDeps) {
  return async ({ sessionId, frames }: SubmitRequest, context: HandlerContext): Promise<SubmitResponse> => {
    const caller = callerOf(context);
    const session = deps.registry.findActive(sessionId, caller);
    if (frames.some((frame) => frame.kind.case === "open")) {
      throw new Fault(ErrorReason.INVALID_FIELD, "Submit takes any frame but open", {
        metadata: { field: "frames", rule: "no_open" },
      });
    }
    session.touch(caller.tokenExpireMs);
    const results = await submitFrames(session, frames, { ...deps, signal: context.signal });
    return create(SubmitResponseSchema, { results });
  };
}
