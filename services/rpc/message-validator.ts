import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";

/** How many violations of one message are told; a list of ten thousand bad ids must not become an answer. */
export const violationsMax = 16;

/** One broken rule, in the shape of `google.rpc.BadRequest.FieldViolation`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
  readonly reason: string;
}

/** A message that breaks rules of its schema. The metadata names the first violation. */
export class InvalidFieldFault extends Fault {
  readonly violations: readonly FieldViolation[];

  constructor(violations: readonly FieldViolation[]) {
    const [first] = violations;
    const field = first?.field ?? "";
    super(
      ErrorReason.INVALID_FIELD,
      `Field ${field || "of the message"} - ${first?.description ?? "invalid"}`,
      {
        metadata: { field, rule: first?.reason ?? "" },
      },
    );
    this.violations = violations;
  }
}

/** Throws `InvalidFieldFault` when `message` breaks a protovalidate rule of `schema`. */
export type ValidateMessage = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>) => void;

/**
 * Creates the validator of one node. Rules are compiled at the first use of a schema and kept with it. A rule
 * that does not compile is a bug of the contract and throws a plain error.
 */
export function createMessageValidator(): ValidateMessage {
  const validator = createValidator();
  return (schema, message) => {
    const result = validator.validate(schema, message);
    if (result.kind === "valid") return;
    if (result.kind === "error") throw result.error;
    throw new InvalidFieldFault(
      result.violations.slice(0, violationsMax).map((violation) => ({
        field: pathToString(violation.field),
        description: violation.message,
        reason: violation.ruleId,
      })),
    );
  };
}
