import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";

/** A call that a node refused, or that never reached it: what `proto/README.md` lets a client decide by. */
export interface Refusal {
  /** Name of the `ErrorReason`; empty when the error carries none, as when no node answered. */
  readonly reason: string;
  readonly code: Code;
  /** Unset when the node did not say. */
  readonly retryDelayMs?: number;
  readonly message: string;
}

/** Reads an error of any client as a refusal. */
export function refusalOf(error: unknown): Refusal {
  const failure = ConnectError.from(error, Code.Unavailable);
  const [info] = failure.findDetails(ErrorInfoSchema);
  const [retry] = failure.findDetails(RetryInfoSchema);
  const retryDelayMs = retry?.retryDelay === undefined ? {} : { retryDelayMs: durationMs(retry.retryDelay) };
  return { reason: info?.reason ?? "", code: failure.code, message: failure.rawMessage, ...retryDelayMs };
}

/** Codes after which an idempotent call is repeated: the contract's, and those of an answer that was not heard. */
const repeatable: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Aborted,
  Code.DeadlineExceeded,
  Code.Canceled,
]);

/** How connect-node names a connection that broke in the middle of an answer. A node never does without a reason. */
const brokenConnection: ReadonlySet<Code> = new Set([Code.Internal, Code.Unknown, Code.DataLoss]);

/** Whether a call that is idempotent may be repeated: finding out an unknown outcome is what idempotency is for. */
export function mayRepeat({ code, reason, retryDelayMs }: Refusal): boolean {
  if (code === Code.ResourceExhausted) return retryDelayMs !== undefined;
  return repeatable.has(code) || (brokenConnection.has(code) && reason === "");
}
