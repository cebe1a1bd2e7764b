import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Failure } from "../../gen/parley/error/v1/failure_pb.ts";
import {
  ForwardedPollResultSchema,
  ForwardedPollSchema,
  ForwardedSubmitResultSchema,
  ForwardedSubmitSchema,
} from "../../gen/parley/mesh/v1/session_pb.ts";
import type {
  PollRequest,
  PollResponse,
  SubmitRequest,
  SubmitResponse,
} from "../../gen/parley/session/v1/session_service_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { IncomingCall } from "../mesh/links.ts";
import type { Mesh } from "../mesh/mesh.ts";
import { faultOf } from "../message/failure-wire.ts";
import { pollWaitMsDefault, submitMsMax } from "./session-limits.ts";
import { type SessionCaller, sessionNotFoundFault } from "./session-registry.ts";
import { durationMs } from "./wire-time.ts";

/** What a call may take beyond its time at the session's node, in milliseconds: Submit has 10 s in all. */
const wayMs = 400;

/** What clients are told to wait when the session's node did not answer, in milliseconds. */
const retryDelayMs = 1_000;

/** The calls of sessions of this node. `signal` aborts when nobody waits any more. */
export interface SessionsHere {
  submit(request: SubmitRequest, caller: SessionCaller, signal: AbortSignal): Promise<SubmitResponse>;
  poll(request: PollRequest, caller: SessionCaller, signal: AbortSignal): Promise<PollResponse>;
}

/** What passing calls on takes. */
export interface AnyNodeOptions {
  readonly mesh: Pick<Mesh, "self" | "nodes" | "call" | "answer">;
  readonly here: SessionsHere;
  readonly clock: Clock;
  readonly failureOf: (error: unknown, where?: string) => Failure;
}

/**
 * Serves Submit and Poll whichever node they reach: those of another node's session are passed on to it, one hop. What its
 * node says is answered; when it says nothing the outcome is unknown; when it is gone, so is the session.
 */
export function servedByAnyNode(options: AnyNodeOptions): SessionsHere {
  const { mesh, here } = options;
  mesh.answer("submit", (_from, call) => answerSubmit(options, call));
  mesh.answer("poll", (_from, call) => answerPoll(options, call));
  return {
    submit: (request, caller, signal) => {
      const nodeId = otherNodeOf(mesh, request.sessionId);
      if (nodeId === undefined) return here.submit(request, caller, signal);
      return passSubmit(mesh, nodeId, { request, caller });
    },
    poll: (request, caller, signal) => {
      const { case: kind, value } = request.session;
      const nodeId = kind === "sessionId" ? otherNodeOf(mesh, value) : undefined;
      if (nodeId === undefined) return here.poll(request, caller, signal);
      return passPoll(mesh, nodeId, { request, caller });
    },
  };
}

/** Undefined when the session is this node's, if it is anybody's. Throws SESSION_NOT_FOUND when its node is gone. */
function otherNodeOf(mesh: AnyNodeOptions["mesh"], sessionId: string): string | undefined {
  const nodeId = sessionId.slice(0, Math.max(0, sessionId.lastIndexOf(".")));
  if (nodeId === "" || nodeId === mesh.self().nodeId) return undefined;
  if (mesh.nodes().some((node) => node.nodeId === nodeId)) return nodeId;
  throw sessionNotFoundFault(sessionId);
}

async function passSubmit(
  mesh: AnyNodeOptions["mesh"],
  nodeId: string,
  { request, caller }: { readonly request: SubmitRequest; readonly caller: SessionCaller },
): Promise<SubmitResponse> {
  const body = toBinary(
    ForwardedSubmitSchema,
    create(ForwardedSubmitSchema, { request, caller: wireCaller(caller) }),
  );
  const answer = await ask(mesh, nodeId, { name: "submit", body, timeoutMs: submitMsMax + wayMs });
  const { outcome } = fromBinary(ForwardedSubmitResultSchema, answer);
  if (outcome.case === "response") return outcome.value;
  throw outcome.case === "failed" ? faultOf(outcome.value) : unanswered(nodeId);
}

async function passPoll(
  mesh: AnyNodeOptions["mesh"],
  nodeId: string,
  { request, caller }: { readonly request: PollRequest; readonly caller: SessionCaller },
): Promise<PollResponse> {
  const body = toBinary(
    ForwardedPollSchema,
    create(ForwardedPollSchema, { request, caller: wireCaller(caller) }),
  );
  const waitMs = request.wait === undefined ? pollWaitMsDefault : durationMs(request.wait);
  const answer = await ask(mesh, nodeId, { name: "poll", body, timeoutMs: waitMs + wayMs });
  const { outcome } = fromBinary(ForwardedPollResultSchema, answer);
  if (outcome.case === "response") return outcome.value;
  throw outcome.case === "failed" ? faultOf(outcome.value) : unanswered(nodeId);
}

async function ask(
  mesh: AnyNodeOptions["mesh"],
  nodeId: string,
  call: Parameters<Mesh["call"]>[1],
): Promise<Uint8Array> {
  const answer = await mesh.call(nodeId, call);
  if (answer.kind === "answered") return answer.body;
  throw unanswered(nodeId);
}

function unanswered(nodeId: string): Fault {
  const message = `The stream's node ${nodeId} did not answer: whether it took the call is unknown, make it again`;
  return new Fault(ErrorReason.OUTCOME_UNKNOWN, message, { retryDelayMs });
}

async function answerSubmit(options: AnyNodeOptions, call: IncomingCall): Promise<Uint8Array> {
  const { request, caller } = fromBinary(ForwardedSubmitSchema, call.body);
  if (request === undefined || caller === undefined) throw new Error("a forwarded Submit lacks a part");
  const outcome = await outcomeOf(options, call, (signal) =>
    options.here.submit(request, localCaller(caller), signal),
  );
  return toBinary(ForwardedSubmitResultSchema, create(ForwardedSubmitResultSchema, { outcome }));
}

async function answerPoll(options: AnyNodeOptions, call: IncomingCall): Promise<Uint8Array> {
  const { request, caller } = fromBinary(ForwardedPollSchema, call.body);
  if (request === undefined || caller === undefined) throw new Error("a forwarded Poll lacks a part");
  const outcome = await outcomeOf(options, call, (signal) =>
    options.here.poll(request, localCaller(caller), signal),
  );
  return toBinary(ForwardedPollResultSchema, create(ForwardedPollResultSchema, { outcome }));
}

type Outcome<Response> =
  | { readonly case: "response"; readonly value: Response }
  | { readonly case: "failed"; readonly value: Failure };

/** Whoever asked waits until the call expires, and not longer. */
async function outcomeOf<Response>(
  { clock, failureOf }: AnyNodeOptions,
  { name, expireMs }: IncomingCall,
  serve: (signal: AbortSignal) => Promise<Response>,
): Promise<Outcome<Response>> {
  const abandoned = new AbortController();
  const expiry = clock.after(Math.max(0, expireMs - clock.monotonicMs()), () => abandoned.abort());
  try {
    return { case: "response", value: await serve(abandoned.signal) };
  } catch (error) {
    return { case: "failed", value: failureOf(error, `forwarded ${name}`) };
  } finally {
    expiry.cancel();
  }
}

function wireCaller({ accountId, deviceId, tokenExpireMs }: SessionCaller) {
  return { accountId, deviceId, tokenExpireMs: BigInt(Math.floor(tokenExpireMs)) };
}

function localCaller(caller: {
  readonly accountId: string;
  readonly deviceId: string;
  readonly tokenExpireMs: bigint;
}): SessionCaller {
  const { accountId, deviceId, tokenExpireMs } = caller;
  return { accountId, deviceId, tokenExpireMs: Number(tokenExpireMs) };
}
