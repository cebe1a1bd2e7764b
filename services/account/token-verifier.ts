import { createHash } from "node:crypto";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { BoundedMap } from "../kernel/bounded-map.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { Metrics } from "../kernel/metrics.ts";
import { type AccessTokenClaims, type AccessTokens, tokenExpired, tokenInvalid } from "./access-token.ts";
import { deviceRevoked } from "./account-faults.ts";
import { accessTokenCharsMax, verificationsAtOnceMax, verifiedTokensMax } from "./limits.ts";
import type { AccountStore, DeviceStore, RevocationSink } from "./ports.ts";

/** Who holds a token. */
export interface VerifiedToken {
  readonly accountId: string;
  readonly deviceId: string;
  readonly tokenId: string;
  /** Wall time in milliseconds since 1970. */
  readonly tokenExpireMs: number;
}

/** Checks access tokens: the `Authenticator` of the rpc folder, the `TokenVerifier` of sessions. */
export interface TokenVerifier extends RevocationSink {
  /**
   * Rejects with Fault TOKEN_INVALID, TOKEN_EXPIRED, DEVICE_REVOKED, STORE_UNAVAILABLE or OVERLOADED. Tokens
   * verified before are answered from memory until they expire or their device is revoked, store or no store.
   */
  verify(token: string): Promise<VerifiedToken>;
  /** The same as `verify`. */
  authenticate(token: string): Promise<VerifiedToken>;
  /** Forgets all tokens in memory: revocations may have been missed, so the store is asked about each again. */
  forget(): void;
}

/** What a verifier works with. */
export interface TokenVerifierOptions {
  readonly accessTokens: Pick<AccessTokens, "verify">;
  readonly accounts: Pick<AccountStore, "existing">;
  readonly devices: Pick<DeviceStore, "read">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Verified tokens kept; `verifiedTokensMax` when unset. */
  readonly cachedMax?: number;
}

/** A verification under way. `stale` says that a revocation came while its row was being read. */
interface Flight {
  accountId: string | undefined;
  stale: boolean;
}

/** Creates a verifier with an empty memory. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock, metrics } = options;
  const cache = createTokenCache(options.cachedMax ?? verifiedTokensMax);
  const flights = new Map<string, { readonly flight: Flight; readonly result: Promise<VerifiedToken> }>();
  const outcomes = metrics.counter("token_verifications_total", "Access tokens looked at", ["outcome"]);
  metrics.observedGauge("verified_tokens", "Verified access tokens in memory", () => cache.size());

  const fly = async (flight: Flight, token: string, key: string): Promise<VerifiedToken> => {
    try {
      const claims = await options.accessTokens.verify(token);
      flight.accountId = claims.accountId;
      do {
        flight.stale = false;
        await assertInForce(options, claims);
        // A revocation in the meantime found nothing to drop: look at the row again.
      } while (flight.stale);
      const verified = verifiedOf(claims);
      cache.add(key, verified);
      outcomes.add(1, { outcome: "verified" });
      return verified;
    } catch (error) {
      outcomes.add(1, { outcome: "refused" });
      throw error;
    } finally {
      flights.delete(key);
    }
  };

  const verify = async (token: string): Promise<VerifiedToken> => {
    if (token.length > accessTokenCharsMax) throw tokenInvalid();
    const key = createHash("sha256").update(token).digest("base64url");
    const cached = cache.get(key);
    if (cached !== undefined) {
      if (cached.tokenExpireMs <= clock.wallMs()) throw tokenExpired();
      outcomes.add(1, { outcome: "cached" });
      return cached;
    }
    const joined = flights.get(key);
    if (joined !== undefined) return joined.result;
    if (flights.size >= verificationsAtOnceMax) throw tooManyVerifications();
    const flight: Flight = { accountId: undefined, stale: false };
    const result = fly(flight, token, key);
    flights.set(key, { flight, result });
    return result;
  };

  return {
    verify,
    authenticate: verify,
    revoked: (accountId, deviceIds) => {
      cache.drop(accountId, deviceIds);
      for (const { flight } of flights.values()) {
        if (flight.accountId === undefined || flight.accountId === accountId) flight.stale = true;
      }
    },
    forget: () => {
      cache.clear();
      for (const { flight } of flights.values()) flight.stale = true;
    },
  };
}

/** Verified tokens by hash, bounded, and found by account so that a revocation need not search them all. */
function createTokenCache(limit: number) {
  const keysByAccount = new Map<string, Set<string>>();
  const unindex = (key: string, { accountId }: VerifiedToken): void => {
    const keys = keysByAccount.get(accountId);
    keys?.delete(key);
    if (keys?.size === 0) keysByAccount.delete(accountId);
  };
  const tokens = new BoundedMap<string, VerifiedToken>({ limit, onEvict: unindex });
  return {
    size: (): number => tokens.size,
    clear: (): void => {
      tokens.clear();
      keysByAccount.clear();
    },
    get: (key: string): VerifiedToken | undefined => tokens.get(key),
    add: (key: string, verified: VerifiedToken): void => {
      const keys = keysByAccount.get(verified.accountId) ?? new Set();
      keysByAccount.set(verified.accountId, keys.add(key));
      tokens.set(key, verified);
    },
    drop: (accountId: string, deviceIds: readonly string[] | undefined): void => {
      for (const key of Array.from(keysByAccount.get(accountId) ?? [])) {
        const verified = tokens.peek(key);
        if (verified === undefined || (deviceIds !== undefined && !deviceIds.includes(verified.deviceId)))
          continue;
        tokens.delete(key);
        unindex(key, verified);
      }
    },
  };
}

async function assertInForce(options: TokenVerifierOptions, claims: AccessTokenClaims): Promise<void> {
  const { accountId, deviceId, loginCount } = claims;
  const [device, accounts] = await Promise.all([
    options.devices.read(deviceId),
    options.accounts.existing([accountId]),
  ]);
  const inForce =
    device !== undefined &&
    device.accountId === accountId &&
    device.loginCount === loginCount &&
    !device.revoked &&
    accounts.has(accountId);
  if (!inForce) throw deviceRevoked();
}

function verifiedOf(claims: AccessTokenClaims): VerifiedToken {
  const { accountId, deviceId, tokenId, expireMs } = claims;
  return { accountId, deviceId, tokenId, tokenExpireMs: expireMs };
}

function tooManyVerifications(): Fault {
  return new Fault(ErrorReason.OVERLOADED, "too many access tokens are being verified - try again later", {
    metadata: { limit: "token_verifications" },
    retryDelayMs: 1_000,
  });
}
