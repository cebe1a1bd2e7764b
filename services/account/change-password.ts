import type { AccountCaller, AccountDeps } from "./account-deps.ts";
import { credentialsWrong, deviceRevoked } from "./account-faults.ts";
import { changeAccount } from "./change-row.ts";
import { ownAccount } from "./get-account.ts";
import type { AccountRow } from "./ports.ts";
import { endOtherDevices } from "./revoke-device.ts";

/** Old and new. */
export interface PasswordChange {
  readonly oldPassword: string;
  readonly newPassword: string;
  readonly revokeOtherDevices: boolean;
}

/** Replaces the caller's password. Throws Fault CREDENTIALS_WRONG or OVERLOADED. */
export async function changePassword(
  deps: AccountDeps,
  caller: AccountCaller,
  change: PasswordChange,
  signal?: AbortSignal,
): Promise<void> {
  const proven = await provenAccount(deps, caller, change.oldPassword, signal);
  const passwordHash = await deps.hasher.hash(change.newPassword, signal);
  // Before, so that a call that fails in between can be repeated with the old password; and after, for devices
  // that logged in with it meanwhile (login.ts looks at the password once more after it wrote its device).
  if (change.revokeOtherDevices) await endOtherDevices(deps, caller.accountId, caller.deviceId);
  await changeAccount(deps, caller.accountId, (row) => {
    if (row === undefined) throw deviceRevoked();
    if (row.passwordHash !== proven.passwordHash) throw credentialsWrong();
    return { ...row, passwordHash };
  });
  if (change.revokeOtherDevices) await endOtherDevices(deps, caller.accountId, caller.deviceId);
  deps.logger.info("a password was changed", { account_id: caller.accountId });
}

/** The caller's account, if the password is its. Throws Fault CREDENTIALS_WRONG or OVERLOADED. */
export async function provenAccount(
  deps: AccountDeps,
  caller: AccountCaller,
  password: string,
  signal: AbortSignal | undefined,
): Promise<AccountRow> {
  const account = await ownAccount(deps, caller);
  if (!(await deps.hasher.verify(account.passwordHash, password, signal))) throw credentialsWrong();
  return account;
}
