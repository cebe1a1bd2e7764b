import type { HandlerContext } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Open } from "../../gen/parley/session/v1/session_pb.ts";
import {
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import { sleep } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import { callerOf } from "../rpc/caller.ts";
import { inputFailureOf } from "../rpc/input-failure.ts";
import { pushStreamOf } from "../rpc/push-stream.ts";
import type { AttachedSession } from "./attached-session.ts";
import { createPushOutlet } from "./push-outlet.ts";
import { openMsMax } from "./session-limits.ts";
import type { SessionRouteDeps } from "./session-route-deps.ts";

type Requests = AsyncIterator<AttachRequest>;

/** Attach: the two-way stream. The responses are pushed, so the generator itself yields nothing. */
export function createAttach(deps: SessionRouteDeps) {
  return async function* attach(
    requests: AsyncIterable<AttachRequest>,
    context: HandlerContext,
  ): AsyncGenerator<AttachResponse> {
    const arrival = deps.registry.arrive(callerOf(context), context.signal);
    try {
      const iterator = requests[Symbol.asyncIterator]();
      const open = await firstFrame(iterator, deps, context.signal);
      const session = await arrival.open(open, createPushOutlet(pushStreamOf(context)));
      void readFrames(iterator, session);
      await session.endedWith(context.signal);
      yield* [];
    } finally {
      arrival.leave();
    }
  };
}

/** The `open` that a stream begins with. Throws OPEN_MISSING, or INVALID_FIELD when it breaks a bound. */
async function firstFrame(iterator: Requests, deps: SessionRouteDeps, signal: AbortSignal): Promise<Open> {
  const timeout = new AbortController();
  const tooLate = sleep(deps.clock, openMsMax, AbortSignal.any([timeout.signal, signal]));
  const next = iterator.next();
  // It loses the race when nothing comes, and rejects then when the call ends: nobody else would look at it.
  next.catch(() => undefined);
  try {
    const first = await Promise.race([next, tooLate]);
    if (first === undefined || first.done === true) throw openMissing();
    deps.validateMessage(AttachRequestSchema, first.value);
    const kind = first.value.frame?.kind;
    if (kind?.case !== "open") throw openMissing();
    return kind.value;
  } finally {
    timeout.abort();
  }
}

/**
 * Hands the frames to the session while it reads. A device that says no more is still served until its silence
 * ends the session. Ends with the call, whose end rejects what is being read.
 */
async function readFrames(iterator: Requests, session: AttachedSession): Promise<void> {
  try {
    while (session.active) {
      await session.whenReadable();
      const next = await iterator.next();
      if (next.done === true) return;
      if (next.value.frame === undefined) session.violated("A request holds no frame.");
      else session.take(next.value.frame);
    }
  } catch (error) {
    const failure = inputFailureOf(error);
    if (failure.kind === "cancelled") session.lose();
    else session.violated(failure.message);
  }
}

function openMissing(): Fault {
  return new Fault(ErrorReason.OPEN_MISSING, "The first frame of a stream is open - within 5 s");
}
