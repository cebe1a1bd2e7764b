/** Page tokens of SearchAccounts, without I/O: opaque, versioned, and good for one prefix only. */
import { createHmac, timingSafeEqual } from "node:crypto";

const versionByte = 1;
const macBytes = 16;

/** Writes the token of the page after `afterHandle` in the search for `prefix`. At most 68 characters. */
export function formatPageToken(prefix: string, afterHandle: string, key: Uint8Array): string {
  const handle = Buffer.from(afterHandle);
  return Buffer.concat([Buffer.of(versionByte), macOf(prefix, handle, key), handle]).toString("base64url");
}

/** Reads where the page starts; undefined for what `formatPageToken` did not write for this prefix. */
export function parsePageToken(token: string, prefix: string, key: Uint8Array): string | undefined {
  const bytes = Buffer.from(token, "base64url");
  if (bytes[0] !== versionByte || bytes.length <= 1 + macBytes) return undefined;
  // Node decodes leniently; only the one canonical text counts.
  if (bytes.toString("base64url") !== token) return undefined;
  const handle = bytes.subarray(1 + macBytes);
  if (!timingSafeEqual(bytes.subarray(1, 1 + macBytes), macOf(prefix, handle, key))) return undefined;
  return handle.toString();
}

function macOf(prefix: string, handle: Uint8Array, key: Uint8Array): Buffer {
  const mac = createHmac("sha256", key).update(`search-accounts\n${prefix}\n`).update(handle).digest();
  return mac.subarray(0, macBytes);
}
