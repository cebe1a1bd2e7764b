import { encodeId } from "../kernel/id-text.ts";
import type { AccountDeps } from "./account-deps.ts";
import { deviceLimit, deviceNotFound } from "./account-faults.ts";
import { changeDevice } from "./change-row.ts";
import { makeRefreshToken } from "./device-tokens.ts";
import { devicesForgottenAtOnceMax, devicesMax, devicesRememberedMax, refreshTokenLifeMs } from "./limits.ts";
import type { DeviceRow } from "./ports.ts";
import { openFamily } from "./refresh-token.ts";
import { endDevices } from "./revoke-device.ts";

/** A device that was logged in, and the refresh token whose hash its row holds. */
export interface LoggedInDevice {
  readonly device: DeviceRow;
  readonly refreshToken: string;
}

/** Whose device, and how the person calls it. */
export interface DeviceLogin {
  readonly accountId: string;
  readonly deviceName: string;
}

/** Logged in: neither ended nor left alone until its refresh token expired. */
export function isLoggedIn(device: DeviceRow, nowMs: number): boolean {
  return !device.revoked && device.refreshExpireMs > nowMs;
}

/** Gives a new device. Throws Fault DEVICE_LIMIT. */
export async function addDevice(deps: AccountDeps, login: DeviceLogin): Promise<LoggedInDevice> {
  const before = await deps.devices.list(login.accountId);
  assertRoom(deps, before, devicesMax - 1);
  await forgetEndedDevices(deps, before);
  const deviceId = encodeId(await deps.ids.next());
  const fresh = makeRefreshToken(deps, { deviceId, loginCount: 1, number: 1 });
  const nowMs = deps.clock.wallMs();
  const device: DeviceRow = {
    accountId: login.accountId,
    deviceId,
    displayName: login.deviceName,
    createTimeMs: nowMs,
    activeTimeMs: nowMs,
    ...openFamily(1, fresh.hash),
    refreshExpireMs: nowMs + refreshTokenLifeMs,
    revoked: false,
    version: 1n,
  };
  if (!(await deps.devices.insert(device))) throw new Error(`the id ${deviceId} was given twice`);
  await assertStillRoom(deps, device);
  return { device, refreshToken: fresh.text };
}

/**
 * Logs an earlier device in again: its next login begins, the tokens and streams of the last one end. Throws
 * Fault DEVICE_NOT_FOUND when it is not the account's, DEVICE_LIMIT when it had ended and there is no room.
 */
export async function returnDevice(
  deps: AccountDeps,
  login: DeviceLogin,
  deviceId: string,
): Promise<LoggedInDevice> {
  let wasLoggedIn = false;
  let refreshToken = "";
  const device = await changeDevice(deps, deviceId, async (row) => {
    if (row?.accountId !== login.accountId) throw deviceNotFound(deviceId);
    const nowMs = deps.clock.wallMs();
    wasLoggedIn = isLoggedIn(row, nowMs);
    if (!wasLoggedIn) assertRoom(deps, await deps.devices.list(login.accountId), devicesMax - 1);
    const loginCount = row.loginCount + 1;
    const fresh = makeRefreshToken(deps, { deviceId, loginCount, number: 1 });
    refreshToken = fresh.text;
    return {
      ...row,
      displayName: login.deviceName,
      activeTimeMs: nowMs,
      ...openFamily(loginCount, fresh.hash),
      refreshExpireMs: nowMs + refreshTokenLifeMs,
      revoked: false,
    };
  });
  if (device === undefined) throw deviceNotFound(deviceId);
  deps.revocations.revoked(login.accountId, [deviceId]);
  if (!wasLoggedIn) await assertStillRoom(deps, device);
  return { device, refreshToken };
}

function assertRoom(deps: AccountDeps, devices: readonly DeviceRow[], loggedInMax: number): void {
  const nowMs = deps.clock.wallMs();
  if (devices.filter((device) => isLoggedIn(device, nowMs)).length > loggedInMax) throw deviceLimit();
}

/**
 * Looks again after the row was written: of logins that raced for the last place, each that sees too many gives
 * its own up. So there are never too many for long; at worst nobody gets the place and tries again.
 */
async function assertStillRoom(deps: AccountDeps, device: DeviceRow): Promise<void> {
  try {
    assertRoom(deps, await deps.devices.list(device.accountId), devicesMax);
  } catch (error) {
    await endDevices(deps, device.accountId, [device.deviceId]);
    throw error;
  }
}

/** Drops rows of devices that ended and were not used for longest, once there are too many rows. */
async function forgetEndedDevices(deps: AccountDeps, devices: readonly DeviceRow[]): Promise<void> {
  if (devices.length < devicesRememberedMax) return;
  const nowMs = deps.clock.wallMs();
  const ended = devices.filter((device) => !isLoggedIn(device, nowMs));
  ended.sort((one, other) => one.activeTimeMs - other.activeTimeMs);
  for (const device of ended.slice(0, devicesForgottenAtOnceMax)) {
    // The version keeps a device that logs in again at this moment.
    await deps.devices.remove(device.deviceId, device.version);
  }
}
