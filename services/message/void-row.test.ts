import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason, StatusCode } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { FailureSchema } from "../../gen/parley/error/v1/failure_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { resultOfRow } from "./append-results.ts";
import { isVoid, voidRow } from "./void-row.ts";

describe("a void row", () => {
  const fault = new Fault(ErrorReason.REPLY_NOT_FOUND, "no such entry", { metadata: { seq: "9" } });
  const row = voidRow({
    conversationId: "g-1",
    epoch: 1n,
    senderId: "alice",
    clientMessageId: "id",
    digest: new Uint8Array([1]),
    createTimeMs: 5,
    id: 77n,
    fault,
  });

  test("stands outside the log, under the negative of its id", () => {
    expect(row.seq).toBe(-77n);
    expect(isVoid(row)).toBe(true);
    expect(isVoid({ seq: 1n })).toBe(false);
    expect(row.hasEffects).toBe(false);
  });

  test("gives the rejection back as it was, with the code that belongs to it", () => {
    expect(resultOfRow(row)).toMatchObject({
      kind: "failed",
      fault: {
        reason: fault.reason,
        message: fault.message,
        metadata: fault.metadata,
        retryDelayMs: undefined,
      },
    });
    expect(fromBinary(FailureSchema, row.bytes).code).toBe(StatusCode.NOT_FOUND);
  });
});
