import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { AccountCaller, AccountDeps } from "./account-deps.ts";
import { deviceRevoked } from "./account-faults.ts";
import { changeAccount } from "./change-row.ts";
import { ownAccount } from "./get-account.ts";
import type { AccountRow } from "./ports.ts";

/** What to change; what is undefined stays. */
export interface AccountUpdate {
  /** Empty changes the account whatever its version is. */
  readonly expectedVersion: string;
  readonly displayName: string | undefined;
}

/** Changes the caller's account. Throws Fault VERSION_MISMATCH. */
export async function updateAccount(
  deps: AccountDeps,
  caller: AccountCaller,
  update: AccountUpdate,
): Promise<AccountRow> {
  const changed = await changeAccount(deps, caller.accountId, (row) => {
    if (row === undefined) throw deviceRevoked();
    assertVersion(row, update.expectedVersion);
    const displayName = update.displayName ?? row.displayName;
    // A change to what it is already is none, so that a repeated call keeps the version.
    return displayName === row.displayName ? undefined : { ...row, displayName };
  });
  return changed ?? ownAccount(deps, caller);
}

/** The version of an account as clients see it: opaque. */
export function versionText(row: AccountRow): string {
  return row.version.toString(36);
}

function assertVersion(row: AccountRow, expected: string): void {
  if (expected === "" || expected === versionText(row)) return;
  const message = "the account was changed since it was read - read it again";
  throw new Fault(ErrorReason.VERSION_MISMATCH, message, { metadata: { version: versionText(row) } });
}
