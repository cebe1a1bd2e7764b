import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { type Failure, FailureSchema } from "../../gen/parley/error/v1/failure_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { InvalidFieldFault } from "./message-validator.ts";
import { reasonCodeOf } from "./reason-code.ts";

/** The domain of every ErrorInfo of a node. */
export const errorDomain = "parley";

/** Characters of an error text that leave a node; the rest is cut. */
export const errorTextCharsMax = 512;

/** Where in a call something was thrown: the same error of the library means different things. */
export type CallStage = "reading" | "handling";

/** What is known about the call in which something was thrown. */
export interface ThrownIn {
  readonly stage: CallStage;
  /** The call's signal, whose reason handlers may throw. */
  readonly signal?: AbortSignal;
  /** For the log line of a bug: the method, for example. */
  readonly where: string;
  /** The largest request in bytes, for REQUEST_TOO_LARGE. */
  readonly readBytesMax?: number;
}

/** What an error mapper needs. */
export interface ErrorMapperDeps {
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called with every error that leaves as BUG; tests fail in it. */
  readonly onBug?: (error: unknown) => void;
}

/** The one place where what was thrown becomes what a client sees. */
export interface ErrorMapper {
  /** The status of anything thrown in a call. Reports a bug when it is one; never throws. */
  statusOf(error: unknown, thrownIn: ThrownIn): ConnectError;
  /** The same for use inside a stream's messages, `where` naming the place for the log. */
  failureOf(error: unknown, where?: string): Failure;
}

/** Creates the mapper of one node. */
export function createErrorMapper(deps: ErrorMapperDeps): ErrorMapper {
  const bugs = deps.metrics.counter("rpc_bugs_total", "Unexpected errors that left as BUG");
  const bugFault = (error: unknown, where: string): Fault => {
    const incidentId = deps.rng.uuid();
    bugs.add();
    const logged = error instanceof Error ? error : new Error(`thrown: ${String(error)}`);
    deps.logger.error("a call failed unexpectedly", { incidentId, where, error: logged });
    deps.onBug?.(error);
    return new Fault(ErrorReason.BUG, `The node failed unexpectedly - incident ${incidentId}`, {
      metadata: { incident_id: incidentId },
    });
  };
  const faultOf = (error: unknown, thrownIn: ThrownIn): Fault => {
    const fault = error instanceof Fault ? error : expectedFault(error, thrownIn);
    if (fault === undefined) return bugFault(error, thrownIn.where);
    return reasonCodeOf(fault.reason) === undefined ? bugFault(fault, thrownIn.where) : fault;
  };
  return {
    statusOf: (error, thrownIn) => {
      if (error instanceof ConnectError && hasErrorInfo(error)) return error;
      return statusOfFault(faultOf(error, thrownIn));
    },
    failureOf: (error, where = "stream") => failureOfFault(faultOf(error, { stage: "handling", where })),
  };
}

/** Whether a status tells its reason the way the contract demands. */
export function hasErrorInfo(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).some((info) => info.domain === errorDomain);
}

/** What connect itself raises, and what clients cause by leaving, is expected; undefined means a bug. */
function expectedFault(error: unknown, thrownIn: ThrownIn): Fault | undefined {
  const { signal, stage } = thrownIn;
  if (signal?.aborted === true && (error === signal.reason || !(error instanceof ConnectError))) {
    if (error === signal.reason || stage === "reading" || isAbortError(error)) {
      return endedFault(signal.reason);
    }
  }
  if (!(error instanceof ConnectError)) return isAbortError(error) ? endedFault(error) : undefined;
  if (error.code === Code.Canceled || error.code === Code.DeadlineExceeded) return endedFault(error);
  return stage === "reading" ? readingFault(error, thrownIn) : handlingFault(error);
}

function endedFault(reason: unknown): Fault {
  if (reason instanceof Fault) return reason;
  if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) {
    return new Fault(ErrorReason.DEADLINE_PASSED, "The deadline passed before the call was done");
  }
  if (reason instanceof ConnectError && hasErrorInfo(reason)) return drainingFault();
  return new Fault(ErrorReason.CALL_CANCELLED, "The client ended the call");
}

function readingFault(error: ConnectError, thrownIn: ThrownIn): Fault {
  if (error.code === Code.ResourceExhausted) {
    const limit = String(thrownIn.readBytesMax ?? "");
    return new Fault(ErrorReason.REQUEST_TOO_LARGE, `A request message may have ${limit} bytes`, {
      metadata: { limit_bytes: limit },
    });
  }
  if (error.code === Code.Aborted || error.code === Code.Unavailable) {
    return new Fault(ErrorReason.CALL_CANCELLED, "The connection broke while the request was read");
  }
  return new Fault(ErrorReason.MALFORMED_REQUEST, `The request is malformed - ${error.rawMessage}`);
}

function handlingFault(error: ConnectError): Fault | undefined {
  if (error.code !== Code.Unimplemented) return undefined;
  return new Fault(ErrorReason.UNKNOWN_METHOD, "This node does not have that method");
}

/** The one fault of a node that is about to stop. */
export function drainingFault(): Fault {
  return new Fault(ErrorReason.DRAINING, "The node is about to stop", { retryDelayMs: 1_000 });
}

/** Builds the status of a fault whose reason is known to state a code. */
export function statusOfFault(fault: Fault): ConnectError {
  const found = reasonCodeOf(fault.reason);
  if (found === undefined) throw new Error(`reason ${fault.reason} states no code in the contract`);
  const error = new ConnectError(plainText(fault.message), found.code, undefined, undefined, fault);
  error.details.push({
    desc: ErrorInfoSchema,
    value: { reason: found.name, domain: errorDomain, metadata: { ...fault.metadata } },
  });
  if (fault.retryDelayMs !== undefined) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: durationOf(fault.retryDelayMs) } });
  }
  if (fault instanceof InvalidFieldFault) {
    error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [...fault.violations] } });
  }
  return error;
}

function failureOfFault(fault: Fault): Failure {
  const found = reasonCodeOf(fault.reason);
  if (found === undefined) throw new Error(`reason ${fault.reason} states no code in the contract`);
  return create(FailureSchema, {
    reason: fault.reason,
    code: found.status,
    message: fault.message.slice(0, errorTextCharsMax),
    metadata: { ...fault.metadata },
    ...(fault.retryDelayMs === undefined ? {} : { retryDelay: durationOf(fault.retryDelayMs) }),
  });
}

function durationOf(ms: number): Duration {
  const wholeMs = Math.max(0, Math.ceil(ms));
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(wholeMs / 1000)),
    nanos: (wholeMs % 1000) * 1_000_000,
  });
}

/**
 * Keeps RFC 3986 reserved characters out of a status text: connect-es escapes grpc-message with
 * encodeURIComponent and grpc-js undoes it with decodeURI, which leaves exactly these escaped.
 */
function plainText(text: string): string {
  return text
    .replaceAll(/\s*[:;,](?=\s|$)/g, " -")
    .replaceAll(/[;,/?:@&=+$#]/g, " ")
    .slice(0, errorTextCharsMax);
}

function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
