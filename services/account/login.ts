import type { AccountDeps } from "./account-deps.ts";
import { credentialsWrong } from "./account-faults.ts";
import { addDevice, returnDevice } from "./device-login.ts";
import { type DeviceTokens, deviceTokens } from "./device-tokens.ts";
import type { AccountRow } from "./ports.ts";
import { endDevices } from "./revoke-device.ts";

/** Who logs in, with what, as the contract's LoginRequest has it. */
export interface Credentials {
  readonly handle: string;
  readonly password: string;
  /** Of an earlier Login of this installation, or empty. */
  readonly deviceId: string;
  /** May be empty. */
  readonly deviceName: string;
}

/** A device that may act for its account. */
export interface LoginResult {
  readonly account: AccountRow;
  readonly deviceId: string;
  readonly tokens: DeviceTokens;
}

/**
 * Logs a device in. Throws Fault CREDENTIALS_WRONG (after equal work for unknown handles), DEVICE_LIMIT,
 * DEVICE_NOT_FOUND or OVERLOADED, and what the store throws.
 */
export function login(deps: AccountDeps, request: Credentials, signal?: AbortSignal): Promise<LoginResult> {
  return deps.metrics.login(logIn(deps, request, signal));
}

async function logIn(
  deps: AccountDeps,
  request: Credentials,
  signal: AbortSignal | undefined,
): Promise<LoginResult> {
  const account = await deps.accounts.readByHandle(request.handle);
  const matches = await deps.hasher.verify(account?.passwordHash, request.password, signal);
  if (account === undefined || !matches) throw credentialsWrong();
  const { accountId } = account;
  const { device, refreshToken } =
    request.deviceId === ""
      ? await addDevice(deps, { accountId, deviceName: request.deviceName })
      : await returnDevice(deps, { accountId, deviceName: request.deviceName }, request.deviceId);
  await assertPasswordStillInForce(deps, account, device.deviceId);
  const tokens = await deviceTokens(deps, device, refreshToken);
  deps.logger.info("a device logged in", { account_id: accountId, device_id: device.deviceId });
  return { account, deviceId: device.deviceId, tokens };
}

/**
 * Read after the device's row was written: either this sees that the password was changed (or the account
 * deleted) in the meantime, or the one who changed it sees the device and can end it. None slips through.
 */
async function assertPasswordStillInForce(
  deps: AccountDeps,
  account: AccountRow,
  deviceId: string,
): Promise<void> {
  const now = await deps.accounts.readById(account.accountId);
  if (now?.passwordHash === account.passwordHash) return;
  await endDevices(deps, account.accountId, [deviceId]);
  throw credentialsWrong();
}
