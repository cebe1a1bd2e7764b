import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { decodePageToken, encodePageToken, pageTokenLengthMax } from "./page-token.ts";

const invalid = expect.objectContaining({ reason: ErrorReason.PAGE_TOKEN_INVALID });

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (thrown) {
    return thrown;
  }
}

test("a token gives its fields back to the method that made it", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 40, unit: "grapheme" }), { maxLength: 4 }), (fields) => {
      const token = encodePageToken("members", fields);
      expect(decodePageToken("members", token, fields.length)).toEqual(fields);
      expect(thrownBy(() => decodePageToken("conversations", token, fields.length))).toEqual(invalid);
      expect(thrownBy(() => decodePageToken("members", token, fields.length + 1))).toEqual(invalid);
    }),
  );
});

test("the empty token is the first page", () => {
  expect(decodePageToken("members", "", 2)).toBeUndefined();
});

test("whatever else a client sends is refused and nothing else happens", () => {
  const forged = [
    "not a token",
    "e30",
    Buffer.from("[]").toString("base64url"),
    Buffer.from('[2,"members","a","b"]').toString("base64url"),
    Buffer.from('[1,"members","a",7]').toString("base64url"),
  ];
  for (const token of forged) expect(thrownBy(() => decodePageToken("members", token, 2))).toEqual(invalid);
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 512 }), (token) => {
      expect(thrownBy(() => decodePageToken("members", token, 2))).toEqual(invalid);
    }),
  );
});

test("tokens with the longest ids fit into the contract's bound", () => {
  const id = "x".repeat(64);
  const time = String(Number.MAX_SAFE_INTEGER);
  expect(encodePageToken("conversations", [time, id, time, id]).length).toBeLessThan(pageTokenLengthMax);
});
