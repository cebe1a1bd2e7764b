import type { AccountCaller, AccountDeps } from "./account-deps.ts";
import { deviceNotFound } from "./account-faults.ts";
import { changeDevice } from "./change-row.ts";

/**
 * Ends one of the caller's devices: its tokens are refused from now on and its streams are closed. Ending one
 * that has ended changes nothing, and tells the streams again. Throws Fault DEVICE_NOT_FOUND.
 */
export async function revokeDevice(
  deps: AccountDeps,
  caller: AccountCaller,
  deviceId: string,
): Promise<void> {
  const device = await deps.devices.read(deviceId);
  if (device?.accountId !== caller.accountId) throw deviceNotFound(deviceId);
  await endDevices(deps, caller.accountId, [deviceId]);
}

/** Ends the calling device. Idempotent. */
export function logout(deps: AccountDeps, caller: AccountCaller): Promise<void> {
  return endDevices(deps, caller.accountId, [caller.deviceId]);
}

/** Ends all devices of an account but `keptDeviceId`. Idempotent. */
export async function endOtherDevices(
  deps: AccountDeps,
  accountId: string,
  keptDeviceId: string,
): Promise<void> {
  const devices = await deps.devices.list(accountId);
  const others = devices.filter((device) => !device.revoked && device.deviceId !== keptDeviceId);
  await endDevices(
    deps,
    accountId,
    others.map((device) => device.deviceId),
  );
}

/** Ends devices, one row after the other, and tells whoever holds streams and tokens of those that were ended. */
export async function endDevices(
  deps: AccountDeps,
  accountId: string,
  deviceIds: readonly string[],
): Promise<void> {
  for (const deviceId of deviceIds) {
    await changeDevice(deps, deviceId, (row) =>
      row === undefined || row.revoked ? undefined : { ...row, revoked: true },
    );
    // Told one by one: if the store fails at the next one, the streams of this one end all the same.
    deps.revocations.revoked(accountId, [deviceId]);
    deps.logger.info("a device was logged out", { account_id: accountId, device_id: deviceId });
  }
}
