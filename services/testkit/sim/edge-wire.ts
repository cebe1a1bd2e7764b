import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Failure, FailureSchema } from "../../../gen/parley/error/v1/failure_pb.ts";
import type { Caller } from "../../rpc/caller.ts";

/**
 * How simulated clients and nodes talk, in place of HTTP: the first frame of a stream says what is called and by whom, the
 * next ones are messages of the contract, each way; before an answer stands a byte that tells it from a failure.
 */
export interface EdgeGreeting {
  /** `attach`, or the name of a unary method. */
  readonly call: string;
  readonly caller: Caller;
}

/** An answer of a node: a message, or why there is none. */
export type EdgeAnswer =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly failure: Failure };

const messageMark = 0;
const failureMark = 1;

export function encodeGreeting(greeting: EdgeGreeting): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(greeting));
}

export function decodeGreeting(bytes: Uint8Array): EdgeGreeting {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `encodeGreeting` of the same program
  return JSON.parse(new TextDecoder().decode(bytes)) as EdgeGreeting;
}

/** A message that is encoded already, in parts. */
export function encodeMessage(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([Uint8Array.of(messageMark), ...parts]));
}

export function encodeFailure(failure: Failure): Uint8Array {
  return new Uint8Array(Buffer.concat([Uint8Array.of(failureMark), toBinary(FailureSchema, failure)]));
}

export function decodeAnswer(bytes: Uint8Array): EdgeAnswer {
  const rest = bytes.subarray(1);
  if (bytes[0] === messageMark) return { kind: "message", bytes: rest };
  return { kind: "failed", failure: fromBinary(FailureSchema, rest) };
}
