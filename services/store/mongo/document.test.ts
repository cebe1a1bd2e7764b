import { expect, test } from "vitest";
import { binaryOf, bytesOf, keyOf } from "./document.ts";

test("keys of different parts are different, whatever is in the parts", () => {
  const keys = [keyOf("a", "b"), keyOf("a/b"), keyOf("a%2Fb"), keyOf("a", "", "b"), keyOf("", "a", "b")];
  expect(new Set(keys).size).toBe(keys.length);
  expect(keyOf("g-1", "a1")).toBe("g-1/a1");
});

test("bytes come back as a copy of their own", () => {
  const binary = binaryOf(Uint8Array.of(1, 2, 3));
  const bytes = bytesOf(binary);
  binary.buffer.fill(9);
  expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
  expect(bytes.buffer.byteLength).toBe(3);
});
