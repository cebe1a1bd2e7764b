import { Binary } from "mongodb";

/** Joins the parts of a key into the `_id` of a document, which is the one unique index that every collection has. */
export function keyOf(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join("/");
}

/** The parts that `keyOf` joined. */
export function partsOf(key: string): readonly string[] {
  return key.split("/").map(decodeURIComponent);
}

/** Bytes as a document holds them. */
export function binaryOf(bytes: Uint8Array): Binary {
  return new Binary(bytes);
}

/** A copy: what the driver gives is a part of the whole answer, which it would keep in memory. */
export function bytesOf(binary: Binary): Uint8Array {
  return new Uint8Array(binary.buffer.subarray(0, binary.position));
}
