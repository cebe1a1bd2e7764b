import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { inputFailureOf } from "./input-failure.ts";

test("a stream that its client left is cancelled", () => {
  expect(inputFailureOf(new ConnectError("gone", Code.Canceled))).toEqual({ kind: "cancelled" });
});

test("a message that cannot be decoded is malformed, and says why", () => {
  const error = new ConnectError("illegal tag", Code.InvalidArgument);
  expect(inputFailureOf(error)).toEqual({ kind: "malformed", message: "illegal tag" });
});
