import type { HandlerContext } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { RateClass } from "../../gen/parley/policy/v1/policy_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { Rng } from "../kernel/rng.ts";
import { authenticateCall } from "./authentication.ts";
import { addressKey, type Call, type CallObserver, callKey, followCall } from "./call.ts";
import { type Authenticator, callerKey } from "./caller.ts";
import type { ErrorMapper } from "./error-mapper.ts";
import { policyOf } from "./method-policy.ts";
import type { RateLimits } from "./rate-limits.ts";
import { requestIdHeader, requestIdOf } from "./request-id.ts";

/** Runs after the headers of a call and before its body is read; connect's `requestGate`. */
export type RequestGate = (context: HandlerContext) => Promise<void>;

/** What the gate needs. */
export interface CallGateDeps {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly errors: ErrorMapper;
  readonly authenticator: Authenticator;
  readonly rateLimits: RateLimits;
  readonly observers: readonly CallObserver[];
  readonly readBytesMax: number;
}

/** The two gates of a node: for its methods, and for paths that it does not serve. */
export interface CallGates {
  readonly requestGate: RequestGate;
  /** Ends every call with UNKNOWN_METHOD, counted against its address like a read. */
  readonly unknownMethodGate: RequestGate;
}

/**
 * Creates the gates. A call is refused as early and as cheaply as it can be: first by the budget of its
 * address, then by its token, then by the budgets of its account and device; its body is read after that.
 */
export function createCallGates(deps: CallGateDeps): CallGates {
  const guarded = async (
    context: HandlerContext,
    name: string,
    admit: (call: Call) => void | Promise<void>,
  ): Promise<void> => {
    const call = openCall(context, name, deps);
    try {
      await admit(call);
    } catch (error) {
      throw deps.errors.statusOf(error, { stage: "handling", signal: context.signal, where: name });
    }
  };
  return {
    requestGate: (context) =>
      guarded(context, methodName(context), async (call) => {
        const policy = policyOf(context.method);
        deps.rateLimits.checkAddress(policy.rate, call.address);
        const caller = await authenticateCall(policy.auth, context.requestHeader, deps.authenticator);
        if (caller !== undefined) {
          call.caller = caller;
          context.values.set(callerKey, caller);
          deps.rateLimits.checkCaller(policy.rate, caller);
        }
        assertQuery(context);
      }),
    unknownMethodGate: (context) =>
      guarded(context, "unknown", (call) => {
        deps.rateLimits.checkAddress(RateClass.READ, call.address);
        throw new Fault(ErrorReason.UNKNOWN_METHOD, "This node does not have that method");
      }),
  };
}

function openCall(context: HandlerContext, name: string, deps: CallGateDeps): Call {
  const call: Call = {
    method: context.method,
    name,
    protocol: context.protocolName,
    requestId: requestIdOf(context.requestHeader, deps.rng),
    address: context.values.get(addressKey),
    startMs: deps.clock.monotonicMs(),
    caller: undefined,
    stage: "reading",
  };
  context.values.set(callKey, call);
  context.responseHeader.set(requestIdHeader, call.requestId);
  followCall(context, call, {
    monotonicMs: () => deps.clock.monotonicMs(),
    errors: deps.errors,
    readBytesMax: deps.readBytesMax,
    observers: deps.observers,
  });
  return call;
}

/** connect-es decodes the message of a GET without a guard, so bad base64 would leave as INTERNAL. */
function assertQuery(context: HandlerContext): void {
  if (context.requestMethod !== "GET") return;
  const query = new URL(context.url).searchParams;
  if (query.get("base64") === "1" && !/^[\w+/-]*={0,2}$/.test(query.get("message") ?? "")) {
    throw new Fault(ErrorReason.MALFORMED_REQUEST, "The query parameter message is not base64");
  }
}

function methodName(context: HandlerContext): string {
  return `${context.service.typeName}/${context.method.name}`;
}
