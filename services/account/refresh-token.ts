/**
 * Refresh tokens, without I/O: their text, and what presenting one means.
 *
 * A token reads `<device id>.<login>.<number>.<43 characters of randomness>.<MAC>`. It is accepted by its hash
 * alone, which stands in the device's row. The MAC, under a key of the installation, proves only that this
 * installation made it: so a token that is older than those the row knows is told from garbage, and garbage can
 * revoke nothing.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { openRefreshTokensMax } from "./limits.ts";
import type { DeviceRow } from "./ports.ts";

/** Bytes of randomness in a token. */
export const refreshSecretBytes = 32;

const pattern = /^([0-9a-z]{13})\.([1-9]\d{0,9})\.([1-9]\d{0,9})\.[\w-]{43}\.[\w-]{43}$/;

/** Which token of which login of which device; numbers count from 1. */
export interface RefreshTokenName {
  readonly deviceId: string;
  readonly loginCount: number;
  readonly number: number;
}

/** A token that this installation made, now or once. */
export interface RefreshToken extends RefreshTokenName {
  /** SHA-256 of the whole text. */
  readonly hash: Uint8Array;
}

/** The part of a device's row that decides over refresh tokens. */
export type RefreshFamily = Pick<
  DeviceRow,
  "loginCount" | "refreshCount" | "openRefreshHashes" | "previousRefreshHash"
>;

/**
 * What a token is to its family:
 * - `newest`: one of those made last. It is exchanged, and its predecessor ends;
 * - `previous`: the one that was exchanged for them, none of which was used: their answers were lost or late;
 * - `reused`: another of this login, so a successor of it or of its sibling was used: two parties hold it;
 * - `invalid`: of another login, or from a future that the store was rolled back from.
 */
export type RefreshVerdict = "newest" | "previous" | "reused" | "invalid";

/** Writes a token; `secret` is `refreshSecretBytes` long. At most 123 characters. */
export function formatRefreshToken(name: RefreshTokenName, secret: Uint8Array, key: Uint8Array): string {
  const random = Buffer.from(secret).toString("base64url");
  const body = `${name.deviceId}.${name.loginCount}.${name.number}.${random}`;
  return `${body}.${macOf(body, key)}`;
}

/** Reads a token; undefined unless it was made under `key`. */
export function parseRefreshToken(text: string, key: Uint8Array): RefreshToken | undefined {
  const [, deviceId, loginCount, number] = pattern.exec(text) ?? [];
  if (deviceId === undefined) return undefined;
  const end = text.lastIndexOf(".");
  const expected = Buffer.from(macOf(text.slice(0, end), key));
  if (!timingSafeEqual(expected, Buffer.from(text.slice(end + 1)))) return undefined;
  return { deviceId, loginCount: Number(loginCount), number: Number(number), hash: hashOf(text) };
}

/** SHA-256 of a token's text: what the store keeps. The token is random, so a fast hash is enough. */
export function hashOf(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}

/** The family of a new login, whose first token has number 1. */
export function openFamily(loginCount: number, firstHash: Uint8Array): RefreshFamily {
  return {
    loginCount,
    refreshCount: 1,
    openRefreshHashes: [firstHash],
    previousRefreshHash: new Uint8Array(),
  };
}

/** Says what a token is to the family. Compares hashes of random values, so timing tells nothing. */
export function judgeRefreshToken(family: RefreshFamily, token: RefreshToken): RefreshVerdict {
  const { refreshCount } = family;
  if (token.loginCount !== family.loginCount || token.number > refreshCount) return "invalid";
  if (token.number === refreshCount) {
    // One that the row no longer lists was squeezed out by `openRefreshTokensMax` others and never used.
    return family.openRefreshHashes.some((hash) => sameBytes(hash, token.hash)) ? "newest" : "invalid";
  }
  const isPrevious = token.number === refreshCount - 1 && sameBytes(family.previousRefreshHash, token.hash);
  return isPrevious ? "previous" : "reused";
}

/** The number of the token that is given for one with this verdict. */
export function successorNumber(family: RefreshFamily, verdict: "newest" | "previous"): number {
  return verdict === "newest" ? family.refreshCount + 1 : family.refreshCount;
}

/** The family after `token` was exchanged for the successor with `freshHash`. */
export function advanceFamily(
  family: RefreshFamily,
  token: RefreshToken,
  verdict: "newest" | "previous",
  freshHash: Uint8Array,
): RefreshFamily {
  if (verdict === "newest") {
    return {
      loginCount: family.loginCount,
      refreshCount: family.refreshCount + 1,
      openRefreshHashes: [freshHash],
      previousRefreshHash: token.hash,
    };
  }
  const openRefreshHashes = [...family.openRefreshHashes, freshHash].slice(-openRefreshTokensMax);
  return { ...family, openRefreshHashes };
}

function macOf(body: string, key: Uint8Array): string {
  return createHmac("sha256", key).update("refresh-token\n").update(body).digest("base64url");
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
