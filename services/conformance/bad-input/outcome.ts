import { fromBinary, getOption } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import {
  ErrorReasonSchema,
  code as reasonCode,
  StatusCodeSchema,
} from "../../../gen/parley/error/v1/error_reason_pb.ts";

/** What a client saw of a call, the same for all protocols. */
export interface Outcome {
  /** Name of the status code, or `OK`, or `HTTP 415` when the answer was in no protocol of ours. */
  readonly code: string;
  /** Name of the reason; empty when there is none. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** `field rule` of each violation. */
  readonly violations: readonly string[];
  readonly hasRetryInfo: boolean;
}

/** It worked. */
export const success: Outcome = { code: "OK", reason: "", metadata: {}, violations: [], hasRetryInfo: false };

/** An answer of plain HTTP. */
export function plainHttp(status: number): Outcome {
  return { ...success, code: `HTTP ${status}` };
}

/** The code with which the contract says that a reason leaves a node. */
export function codeOf(reason: string): string {
  const value = ErrorReasonSchema.values.find(({ name }) => name === `ERROR_REASON_${reason}`);
  if (value === undefined) return `the contract has no reason ${reason}`;
  return statusName(getOption(value, reasonCode));
}

function statusName(status: number): string {
  const found = StatusCodeSchema.values.find((value) => value.number === status);
  return found?.name.replace("STATUS_CODE_", "") ?? `status ${status}`;
}

interface Detail {
  readonly typeName: string;
  readonly value: Uint8Array;
}

const errorSchema = z.object({
  code: z.string(),
  details: z.array(z.object({ type: z.string(), value: z.string() })).default([]),
});

/** Reads the JSON of a Connect error: the body of a unary answer, or the last envelope of a stream. */
export function outcomeOfConnect(body: Uint8Array, kind: "unary" | "stream"): Outcome {
  const json: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
  const error =
    kind === "unary"
      ? errorSchema.parse(json)
      : z.object({ error: errorSchema.optional() }).parse(json).error;
  if (error === undefined) return success;
  const code = error.code.toUpperCase().replace("CANCELED", "CANCELLED");
  return outcome(
    code,
    error.details.map(({ type, value }) => ({ typeName: type, value: Buffer.from(value, "base64") })),
  );
}

/** Reads the trailers of gRPC, or its headers when nothing else came. */
export function outcomeOfGrpc(headers: Readonly<Record<string, unknown>>): Outcome {
  const status = Number(headers["grpc-status"]);
  if (status === 0) return success;
  const encoded = headers["grpc-status-details-bin"];
  const details = typeof encoded === "string" ? detailsOf(Buffer.from(encoded, "base64")) : [];
  return outcome(statusName(status), details);
}

/** The `details` of an encoded google.rpc.Status. */
function detailsOf(bytes: Uint8Array): Detail[] {
  const reader = new BinaryReader(bytes);
  const details: Detail[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number !== 3) {
      reader.skip(wireType, number);
      continue;
    }
    const any = fromBinary(AnySchema, reader.bytes());
    details.push({ typeName: any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1), value: any.value });
  }
  return details;
}

function outcome(code: string, details: readonly Detail[]): Outcome {
  const find = (typeName: string): Uint8Array | undefined =>
    details.find((one) => one.typeName === typeName)?.value;
  const info = find(ErrorInfoSchema.typeName);
  const { reason, metadata, domain } = fromBinary(ErrorInfoSchema, info ?? new Uint8Array());
  const badRequest = fromBinary(BadRequestSchema, find(BadRequestSchema.typeName) ?? new Uint8Array());
  return {
    code,
    reason: info === undefined || domain === "parley" ? reason : `${domain}/${reason}`,
    metadata,
    violations: badRequest.fieldViolations.map((violation) => `${violation.field} ${violation.reason}`),
    hasRetryInfo: find(RetryInfoSchema.typeName) !== undefined,
  };
}
