import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AccountDeps } from "./account-deps.ts";
import { changeDevice } from "./change-row.ts";
import { isLoggedIn } from "./device-login.ts";
import { type DeviceTokens, deviceTokens, makeRefreshToken } from "./device-tokens.ts";
import { refreshTokenLifeMs } from "./limits.ts";
import type { DeviceRow } from "./ports.ts";
import {
  advanceFamily,
  judgeRefreshToken,
  parseRefreshToken,
  type RefreshToken,
  successorNumber,
} from "./refresh-token.ts";

/**
 * Exchanges a refresh token for new tokens. Throws Fault REFRESH_TOKEN_INVALID, or REFRESH_TOKEN_REUSED after
 * the device was logged out, and what the store throws.
 */
export function refreshTokens(deps: AccountDeps, text: string): Promise<DeviceTokens> {
  return deps.metrics.refresh(exchange(deps, text));
}

async function exchange(deps: AccountDeps, text: string): Promise<DeviceTokens> {
  const token = parseRefreshToken(text, deps.refreshTokenKey);
  if (token === undefined) throw refreshTokenInvalid();
  let refreshToken: string | undefined;
  const device = await changeDevice(deps, token.deviceId, (row) => {
    const result = exchangeIn(deps, row, token);
    refreshToken = result.refreshToken;
    return result.device;
  });
  if (device === undefined) throw refreshTokenInvalid();
  if (refreshToken === undefined) {
    const { accountId, deviceId } = device;
    deps.revocations.revoked(accountId, [deviceId]);
    deps.logger.warn("a refresh token came back after its successor was used", {
      account_id: accountId,
      device_id: deviceId,
    });
    throw refreshTokenReused();
  }
  // A deleted account takes its devices with it; one that logged in while it was being deleted is caught here.
  if (!(await deps.accounts.existing([device.accountId])).has(device.accountId)) throw refreshTokenInvalid();
  return deviceTokens(deps, device, refreshToken);
}

/** The device after the exchange, and its new token; after a reuse there is none and the device is revoked. */
interface Exchange {
  readonly device: DeviceRow;
  readonly refreshToken: string | undefined;
}

function exchangeIn(deps: AccountDeps, row: DeviceRow | undefined, token: RefreshToken): Exchange {
  const nowMs = deps.clock.wallMs();
  if (row === undefined || !isLoggedIn(row, nowMs)) throw refreshTokenInvalid();
  const verdict = judgeRefreshToken(row, token);
  if (verdict === "invalid") throw refreshTokenInvalid();
  if (verdict === "reused") return { device: { ...row, revoked: true }, refreshToken: undefined };
  const { deviceId, loginCount } = row;
  const fresh = makeRefreshToken(deps, { deviceId, loginCount, number: successorNumber(row, verdict) });
  const device = {
    ...row,
    ...advanceFamily(row, token, verdict, fresh.hash),
    activeTimeMs: nowMs,
    refreshExpireMs: nowMs + refreshTokenLifeMs,
  };
  return { device, refreshToken: fresh.text };
}

function refreshTokenInvalid(): Fault {
  return new Fault(ErrorReason.REFRESH_TOKEN_INVALID, "the refresh token is not valid - log in again");
}

function refreshTokenReused(): Fault {
  const message = "the refresh token was used before and so was its successor - the device was logged out";
  return new Fault(ErrorReason.REFRESH_TOKEN_REUSED, message);
}
