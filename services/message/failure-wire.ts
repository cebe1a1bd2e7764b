import { create, getOption } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { code, ErrorReason, ErrorReasonSchema } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { type Failure, FailureSchema } from "../../gen/parley/error/v1/failure_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { InvalidFieldFault } from "../rpc/message-validator.ts";

/** How faults are written down, for another node or for ever. What is read back answers a client like the first one. */
export function failureOf(fault: Fault): Failure {
  const value = ErrorReasonSchema.value[fault.reason];
  return create(FailureSchema, {
    reason: fault.reason,
    message: fault.message,
    metadata: { ...fault.metadata },
    ...(value === undefined ? {} : { code: getOption(value, code) }),
    ...(fault.retryDelayMs === undefined
      ? {}
      : { retryDelay: durationFromMs(Math.max(0, Math.ceil(fault.retryDelayMs))) }),
  });
}

/** The fault that was written down. */
export function faultOf({ reason, message, metadata, retryDelay }: Failure): Fault {
  if (reason === ErrorReason.INVALID_FIELD) return invalidFieldOf(message, metadata);
  return new Fault(reason, message, {
    metadata,
    ...(retryDelay === undefined ? {} : { retryDelayMs: durationMs(retryDelay) }),
  });
}

/** Its first violation, which is told in its message and metadata; the append core never finds more than one. */
function invalidFieldOf(message: string, metadata: Failure["metadata"]): Fault {
  const { field = "", rule = "" } = metadata;
  const [, description = message] = message.split(/ - (.*)/s);
  return new InvalidFieldFault([{ field, description, reason: rule }]);
}
