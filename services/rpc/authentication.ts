import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { AuthLevel } from "../../gen/parley/policy/v1/policy_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { Authenticator, Caller } from "./caller.ts";

/** Characters of an access token; longer ones are refused before anybody computes on them. */
export const tokenCharsMax = 4096;

/**
 * Proves the caller of a method with the given level from its `authorization` header. Public methods do not
 * look at it, so that a stale token cannot keep anybody from logging in; those for operators are guarded by the
 * listener that serves them. Throws TOKEN_MISSING or TOKEN_INVALID, or what the authenticator throws.
 */
export async function authenticateCall(
  level: AuthLevel,
  header: Headers,
  authenticator: Authenticator,
): Promise<Caller | undefined> {
  if (level === AuthLevel.PUBLIC || level === AuthLevel.OPERATOR) return undefined;
  const authorization = header.get("authorization");
  if (authorization === null || authorization === "") {
    throw new Fault(ErrorReason.TOKEN_MISSING, "This method needs an access token in authorization - Bearer");
  }
  const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1];
  if (token === undefined || token.length > tokenCharsMax) {
    throw new Fault(ErrorReason.TOKEN_INVALID, "The authorization header does not hold a bearer token");
  }
  return authenticator.authenticate(token);
}
