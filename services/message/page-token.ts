import { pageTokenInvalid } from "./conversation-faults.ts";

/** Raised when what tokens hold changes: a client with an old one is told to start again. */
const tokenVersion = 1;

/** A token holds at most this many characters, as the contract says. */
export const pageTokenLengthMax = 512;

/** The method that gives tokens out; a token of another one is refused. */
export type PagedMethod = "conversations" | "members";

/**
 * Writes a page token that says where a list goes on. Opaque to clients, but neither secret nor signed: it holds
 * only a place in a list that its holder may read anyway.
 */
export function encodePageToken(method: PagedMethod, fields: readonly string[]): string {
  return Buffer.from(JSON.stringify([tokenVersion, method, ...fields])).toString("base64url");
}

/**
 * Reads what `encodePageToken` wrote: `count` fields, or undefined for the empty token of the first page.
 * Throws Fault PAGE_TOKEN_INVALID for anything else.
 */
export function decodePageToken(
  method: PagedMethod,
  token: string,
  count: number,
): readonly string[] | undefined {
  if (token === "") return undefined;
  const [version, foundMethod, ...rest] = parseArray(token);
  const fields = rest.filter((field) => typeof field === "string");
  const known = version === tokenVersion && foundMethod === method;
  if (!known || rest.length !== count || fields.length !== count) throw pageTokenInvalid();
  return fields;
}

function parseArray(token: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
