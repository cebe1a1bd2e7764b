import type { AccountDeps } from "./account-deps.ts";
import type { DeviceRow } from "./ports.ts";
import { formatRefreshToken, hashOf, type RefreshTokenName, refreshSecretBytes } from "./refresh-token.ts";

/** What a device needs to act. Times are wall milliseconds since 1970. */
export interface DeviceTokens {
  readonly accessToken: string;
  readonly accessExpireMs: number;
  readonly refreshToken: string;
  readonly refreshExpireMs: number;
}

/** A refresh token that was made but is not in force yet: its hash has to be stored first. */
export interface FreshRefreshToken {
  readonly text: string;
  readonly hash: Uint8Array;
}

/** Makes a refresh token from fresh randomness. */
export function makeRefreshToken(deps: AccountDeps, name: RefreshTokenName): FreshRefreshToken {
  const text = formatRefreshToken(name, deps.rng.bytes(refreshSecretBytes), deps.refreshTokenKey);
  return { text, hash: hashOf(text) };
}

/** Signs an access token for a device whose row holds the refresh token's hash. */
export async function deviceTokens(
  deps: AccountDeps,
  device: DeviceRow,
  refreshToken: string,
): Promise<DeviceTokens> {
  const access = await deps.accessTokens.sign(device);
  return {
    accessToken: access.token,
    accessExpireMs: access.expireMs,
    refreshToken,
    refreshExpireMs: device.refreshExpireMs,
  };
}
