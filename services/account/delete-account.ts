import type { AccountCaller, AccountDeps } from "./account-deps.ts";
import { provenAccount } from "./change-password.ts";

/**
 * Deletes the caller's account with its devices, at once and for good. Throws Fault CREDENTIALS_WRONG or
 * OVERLOADED.
 */
export async function deleteAccount(
  deps: AccountDeps,
  caller: AccountCaller,
  password: string,
  signal?: AbortSignal,
): Promise<void> {
  await provenAccount(deps, caller, password, signal);
  await deps.accounts.remove(caller.accountId);
  deps.revocations.revoked(caller.accountId, undefined);
  deps.logger.info("an account was deleted", { account_id: caller.accountId });
}
