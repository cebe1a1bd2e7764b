import { type DescMessage, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import type { Protocol } from "./wire-client.ts";

/** A request's JSON as the bytes that a protocol carries. */
export function encodeRequest(message: DescMessage, request: JsonValue, protocol: Protocol): Uint8Array {
  if (protocol === "connect+json") return Buffer.from(JSON.stringify(request));
  return toBinary(message, fromJson(message, request));
}
