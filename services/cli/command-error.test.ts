import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { isGoawayException } from "./attached-stream.ts";
import { CommandError, commandErrorOf } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";

function status(
  code: Code,
  reason?: string,
  retrySeconds?: number,
  metadata: Record<string, string> = {},
): ConnectError {
  const error = new ConnectError("it was refused", code);
  if (reason !== undefined)
    error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: "parley", metadata } });
  if (retrySeconds !== undefined) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retrySeconds) } } });
  }
  return error;
}

describe("an error of a call", () => {
  test.each([
    {
      error: status(Code.NotFound, "ACCOUNT_NOT_FOUND"),
      exitCode: exitCodes.failed,
      text: "it was refused [ACCOUNT_NOT_FOUND]",
    },
    {
      error: status(Code.InvalidArgument, "POSITION_ABOVE_HEAD", undefined, { seq: "9", head: "3" }),
      exitCode: exitCodes.failed,
      text: "it was refused [POSITION_ABOVE_HEAD: seq 9, head 3]",
    },
    {
      error: status(Code.Unauthenticated, "TOKEN_EXPIRED"),
      exitCode: exitCodes.notLoggedIn,
      text: "it was refused [TOKEN_EXPIRED]",
    },
    {
      error: status(Code.ResourceExhausted, "RATE_LIMITED", 2),
      exitCode: exitCodes.unavailable,
      text: "it was refused [RATE_LIMITED]; try again in 3 s",
    },
    {
      error: status(Code.Unavailable, "DRAINING", 0),
      exitCode: exitCodes.unavailable,
      text: "it was refused [DRAINING]; try again in 1 s",
    },
    {
      error: status(Code.Unavailable),
      exitCode: exitCodes.unavailable,
      text: "no node answers at http://x: is it running? (it was refused)",
    },
    { error: new Error("a plain one"), exitCode: exitCodes.failed, text: "a plain one" },
  ])("becomes exit code $exitCode with the text: $text", ({ error, exitCode, text }) => {
    expect(commandErrorOf(error, "http://x")).toMatchObject({ exitCode, message: text });
  });

  test("keeps its reason, and an error of the command stays itself", () => {
    expect(commandErrorOf(status(Code.NotFound, "ACCOUNT_NOT_FOUND")).reason).toBe("ACCOUNT_NOT_FOUND");
    const own = new CommandError("no", exitCodes.usage);
    expect(commandErrorOf(own)).toBe(own);
  });
});

test("only exceptions of Node's HTTP/2 client count as what a GOAWAY raises", () => {
  const goaway = Object.assign(new Error("session closed"), { code: "ERR_HTTP2_SESSION_ERROR" });
  expect(isGoawayException(goaway)).toBe(true);
  expect(isGoawayException(new Error("anything else"))).toBe(false);
  expect(isGoawayException("ERR_HTTP2_SESSION_ERROR")).toBe(false);
});
