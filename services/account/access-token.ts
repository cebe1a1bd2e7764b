import { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { Rng } from "../kernel/rng.ts";
import { accessTokenLifeMs } from "./limits.ts";
import { accessTokenAlgorithm, type SigningKeys } from "./signing-keys.ts";

/** RFC 9068: keeps other JWTs of the installation, should there be any, from passing as access tokens. */
const tokenType = "at+jwt";

/** Whom an access token speaks for. */
export interface AccessTokenSubject {
  readonly accountId: string;
  readonly deviceId: string;
  readonly loginCount: number;
}

/** What a valid access token says. */
export interface AccessTokenClaims extends AccessTokenSubject {
  readonly tokenId: string;
  /** Wall time in milliseconds since 1970. */
  readonly expireMs: number;
}

/** Makes and reads access tokens. */
export interface AccessTokens {
  sign(subject: AccessTokenSubject): Promise<{ readonly token: string; readonly expireMs: number }>;
  /**
   * Checks signature, issuer, audience and expiry, and nothing else. Rejects with Fault TOKEN_INVALID,
   * TOKEN_EXPIRED, or STORE_UNAVAILABLE when the key it names cannot be looked up.
   */
  verify(token: string): Promise<AccessTokenClaims>;
}

/** What access tokens work with. */
export interface AccessTokensOptions {
  readonly keys: SigningKeys;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Creates the maker and reader of access tokens (JWT, RS256, 10 minutes). */
export function createAccessTokens(options: AccessTokensOptions): AccessTokens {
  const { keys, issuer, audience, clock, rng } = options;
  return {
    sign: async ({ accountId, deviceId, loginCount }) => {
      const key = await keys.newest();
      // JWTs count whole seconds; rounding down never makes a token live longer than promised.
      const nowSeconds = Math.floor(clock.wallMs() / 1_000);
      const expireSeconds = nowSeconds + accessTokenLifeMs / 1_000;
      const token = await new SignJWT({ did: deviceId, lgn: loginCount })
        .setProtectedHeader({ alg: accessTokenAlgorithm, kid: key.keyId, typ: tokenType })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(accountId)
        .setJti(rng.uuid())
        .setIssuedAt(nowSeconds)
        .setExpirationTime(expireSeconds)
        .sign(key.privateKey);
      return { token, expireMs: expireSeconds * 1_000 };
    },
    verify: async (token) => {
      try {
        const { payload } = await jwtVerify(token, ({ kid }) => keyFor(keys, kid), {
          algorithms: [accessTokenAlgorithm],
          typ: tokenType,
          issuer,
          audience,
          // jose wants a date object; the clock of the kernel gives milliseconds.
          currentDate: timestampDate(timestampFromMs(clock.wallMs())),
        });
        return claimsOf(payload);
      } catch (error) {
        throw asFault(error);
      }
    },
  };
}

async function keyFor(keys: SigningKeys, keyId: string | undefined) {
  const key = keyId === undefined ? undefined : await keys.verifying(keyId);
  if (key === undefined) throw tokenInvalid();
  return key;
}

function claimsOf(payload: JWTPayload): AccessTokenClaims {
  const { sub, jti, exp, ["did"]: did, ["lgn"]: lgn } = payload;
  // jose checks `exp`, `iss` and `aud`; the types of the rest are only its promise.
  if (typeof sub !== "string" || typeof jti !== "string" || exp === undefined) throw tokenInvalid();
  if (typeof did !== "string" || typeof lgn !== "number") throw tokenInvalid();
  return { accountId: sub, deviceId: did, loginCount: lgn, tokenId: jti, expireMs: exp * 1_000 };
}

function asFault(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return tokenExpired();
  return error instanceof errors.JOSEError ? tokenInvalid(error) : error;
}

export function tokenExpired(): Fault {
  return new Fault(ErrorReason.TOKEN_EXPIRED, "the access token has expired - refresh it and call again");
}

export function tokenInvalid(cause?: unknown): Fault {
  return new Fault(ErrorReason.TOKEN_INVALID, "the access token is not one of this server", { cause });
}
