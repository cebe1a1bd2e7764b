import type { DescMethod } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextKey,
  createContextKey,
  type HandlerContext,
} from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Caller } from "./caller.ts";
import type { CallStage, ErrorMapper } from "./error-mapper.ts";

/** How a call ended. */
export interface CallOutcome {
  /** Undefined for OK. */
  readonly error: ConnectError | undefined;
  /** `ok`, or the code as Connect spells it: `invalid_argument`. */
  readonly code: string;
  /** The reason of the ErrorInfo, or an empty string. */
  readonly reason: string;
  readonly durationMs: number;
}

/** One call from its headers to its end, for whoever logs, measures or traces it. */
export interface Call {
  readonly method: DescMethod;
  /** `package.Service/Method`, or `unknown` for a path that no method has: metric labels must stay few. */
  readonly name: string;
  readonly protocol: string;
  readonly requestId: string;
  readonly address: string;
  readonly startMs: number;
  /** Unset before authentication and on public methods. */
  caller: Caller | undefined;
  /** `reading` until the implementation has its (first) request; errors mean different things after. */
  stage: CallStage;
}

/** Sees every call's end, also of those that never reached an interceptor. Must not throw. */
export type CallObserver = (call: Call, outcome: CallOutcome) => void;

/** Where the call stands among its context values. */
export const callKey: ContextKey<Call | undefined> = createContextKey<Call | undefined>(undefined, {
  description: "call",
});

/** The client's address, as `addressKeyOf` spells it; the adapter sets it. */
export const addressKey: ContextKey<string> = createContextKey("unknown", { description: "address" });

/** What is needed to follow a call to its end. */
export interface FollowCallOptions {
  readonly monotonicMs: () => number;
  readonly errors: ErrorMapper;
  readonly readBytesMax: number;
  readonly observers: readonly CallObserver[];
}

interface EndableContext extends HandlerContext {
  abort(reason?: unknown): void;
}

/**
 * Makes `context.abort` the one exit of a call. connect-es calls it exactly when a call ends, with the error
 * that it is about to serialize (protocol-connect, protocol-grpc and protocol-grpc-web handler-factory, 2.2).
 * Errors which the library raised outside of the interceptors, for a malformed body for example, have no
 * details yet: they get them here, in place, because the library goes on with the very same object.
 */
export function followCall(context: HandlerContext, call: Call, options: FollowCallOptions): void {
  if (!isEndable(context))
    throw new Error("this connect version has no HandlerContext.abort to follow calls by");
  const abort = context.abort.bind(context);
  let ended = false;
  context.abort = (reason) => {
    // When a response does not serialize, the library first ends the call without an error, then with it.
    if (!ended || reason !== undefined) {
      const outcome = settle(context, call, reason, options);
      if (!ended) for (const observe of options.observers) observe(call, outcome);
      ended = true;
    }
    abort(reason);
  };
}

function settle(
  context: HandlerContext,
  call: Call,
  reason: unknown,
  options: FollowCallOptions,
): CallOutcome {
  const durationMs = options.monotonicMs() - call.startMs;
  // A handler that simply returns when its client leaves has not succeeded.
  const ended = reason ?? (context.signal.aborted ? context.signal.reason : undefined);
  const thrown = isTransportError(ended) ? new ConnectError("the connection broke", Code.Canceled) : ended;
  if (thrown === undefined) return { error: undefined, code: "ok", reason: "", durationMs };
  const error = options.errors.statusOf(thrown, {
    stage: call.stage,
    signal: context.signal,
    where: call.name,
    readBytesMax: options.readBytesMax,
  });
  if (thrown instanceof ConnectError && thrown !== error) amend(thrown, error);
  const [info] = error.findDetails(ErrorInfoSchema);
  return { error, code: codeName(error.code), reason: info?.reason ?? "", durationMs };
}

/** Turns one error into another one. `code` and `rawMessage` are readonly to the outside, not frozen. */
function amend(target: ConnectError, source: ConnectError): void {
  Object.assign(target, {
    code: source.code,
    message: source.message,
    rawMessage: source.rawMessage,
    details: source.details,
  });
}

/** The name of a code as Connect's JSON spells it. */
export function codeName(code: Code): string {
  return (Code[code] ?? String(code)).replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
}

/** What node's streams raise when a client leaves while its call is read or answered: `ERR_STREAM_DESTROYED`. */
function isTransportError(error: unknown): boolean {
  return (
    error instanceof Error &&
    !(error instanceof ConnectError) &&
    "code" in error &&
    typeof error.code === "string"
  );
}

function isEndable(context: HandlerContext): context is EndableContext {
  return "abort" in context && typeof context.abort === "function";
}
