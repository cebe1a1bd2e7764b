import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { mayRepeat, refusalOf } from "./refusal.ts";

function errorWith(code: Code, reason: string, retrySeconds?: bigint): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "parley" } };
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: retrySeconds ?? 0n } } };
  return new ConnectError("no", code, undefined, retrySeconds === undefined ? [info] : [info, retry]);
}

test("a refusal has the reason, the code and the delay that the node gave", () => {
  const refusal = refusalOf(errorWith(Code.Unavailable, "DRAINING", 2n));
  expect(refusal).toEqual({ reason: "DRAINING", code: Code.Unavailable, message: "no", retryDelayMs: 2_000 });
  expect(mayRepeat(refusal)).toBe(true);
});

test.each([
  [errorWith(Code.ResourceExhausted, "RATE_LIMITED", 1n), true],
  [errorWith(Code.ResourceExhausted, "REQUEST_TOO_LARGE"), false],
  [errorWith(Code.Internal, "BUG"), false],
  [errorWith(Code.NotFound, "CONVERSATION_NOT_FOUND"), false],
  [new ConnectError("the connection broke", Code.Internal), true],
  [Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }), true],
])("%s may be repeated: %s", (error, repeatable) => {
  expect(mayRepeat(refusalOf(error))).toBe(repeatable);
});
