import { getOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  ErrorReason,
  ErrorReasonSchema,
  code as reasonCode,
  StatusCode,
} from "../../gen/parley/error/v1/error_reason_pb.ts";

/** The codes that may leave a node, as the contract and as Connect call them. */
const connectCodes: ReadonlyMap<StatusCode, Code> = new Map<StatusCode, Code>([
  [StatusCode.CANCELLED, Code.Canceled],
  [StatusCode.INVALID_ARGUMENT, Code.InvalidArgument],
  [StatusCode.DEADLINE_EXCEEDED, Code.DeadlineExceeded],
  [StatusCode.NOT_FOUND, Code.NotFound],
  [StatusCode.ALREADY_EXISTS, Code.AlreadyExists],
  [StatusCode.PERMISSION_DENIED, Code.PermissionDenied],
  [StatusCode.RESOURCE_EXHAUSTED, Code.ResourceExhausted],
  [StatusCode.FAILED_PRECONDITION, Code.FailedPrecondition],
  [StatusCode.ABORTED, Code.Aborted],
  [StatusCode.UNIMPLEMENTED, Code.Unimplemented],
  [StatusCode.INTERNAL, Code.Internal],
  [StatusCode.UNAVAILABLE, Code.Unavailable],
  [StatusCode.UNAUTHENTICATED, Code.Unauthenticated],
]);

/** What belongs to one reason. */
export interface ReasonCode {
  /** The enum value's name without `ERROR_REASON_`, as it stands in ErrorInfo. */
  readonly name: string;
  readonly status: StatusCode;
  readonly code: Code;
}

/** Looks up a reason's name and its one code, or undefined for a value that states no code. */
export function reasonCodeOf(reason: ErrorReason): ReasonCode | undefined {
  const value = ErrorReasonSchema.value[reason];
  if (value === undefined || reason === ErrorReason.UNSPECIFIED) return undefined;
  const status = getOption(value, reasonCode);
  const code = connectCodes.get(status);
  if (code === undefined) return undefined;
  return { name: value.name.replace(/^ERROR_REASON_/, ""), status, code };
}

/** The code of the reason with this name (without prefix); undefined when the contract has no such reason. */
export function codeOfReasonName(name: string): Code | undefined {
  const value = ErrorReasonSchema.values.find((candidate) => candidate.name === `ERROR_REASON_${name}`);
  return value === undefined ? undefined : connectCodes.get(getOption(value, reasonCode));
}
