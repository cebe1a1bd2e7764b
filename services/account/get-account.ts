import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AccountCaller, AccountDeps } from "./account-deps.ts";
import { deviceRevoked } from "./account-faults.ts";
import type { AccountRow, AccountStore } from "./ports.ts";

/** Which account is asked for. */
export type AccountName =
  | { readonly by: "self" }
  | { readonly by: "id"; readonly accountId: string }
  | { readonly by: "handle"; readonly handle: string };

/** Reads one account. Throws Fault ACCOUNT_NOT_FOUND. */
export async function getAccount(
  deps: AccountDeps,
  caller: AccountCaller,
  name: AccountName,
): Promise<AccountRow> {
  return name.by === "self" ? ownAccount(deps, caller) : findAccount(deps.accounts, name);
}

/** Reads an account that is named, whoever asks. Throws Fault ACCOUNT_NOT_FOUND. */
export async function findAccount(
  accounts: Pick<AccountStore, "readById" | "readByHandle">,
  name: Exclude<AccountName, { readonly by: "self" }>,
): Promise<AccountRow> {
  const row =
    name.by === "id" ? await accounts.readById(name.accountId) : await accounts.readByHandle(name.handle);
  if (row !== undefined) return row;
  const metadata = name.by === "id" ? { account_id: name.accountId } : { handle: name.handle };
  throw new Fault(ErrorReason.ACCOUNT_NOT_FOUND, "there is no such account", { metadata });
}

/** The caller's account. Throws Fault DEVICE_REVOKED when it was deleted since the token was checked. */
export async function ownAccount(deps: AccountDeps, caller: AccountCaller): Promise<AccountRow> {
  const account = await deps.accounts.readById(caller.accountId);
  if (account === undefined) throw deviceRevoked();
  return account;
}
