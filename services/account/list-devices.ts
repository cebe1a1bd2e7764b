import type { AccountCaller, AccountDeps } from "./account-deps.ts";
import { isLoggedIn } from "./device-login.ts";
import { devicesMax } from "./limits.ts";
import type { DeviceRow } from "./ports.ts";

/** The caller's devices that are logged in, newest first, at most `devicesMax`. */
export async function listDevices(deps: AccountDeps, caller: AccountCaller): Promise<readonly DeviceRow[]> {
  const nowMs = deps.clock.wallMs();
  const devices = await deps.devices.list(caller.accountId);
  return devices.filter((device) => isLoggedIn(device, nowMs)).slice(0, devicesMax);
}
