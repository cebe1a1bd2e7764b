import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { ownAccountMessage } from "./account-message.ts";
import { updateAccount } from "./update-account.ts";

/** UpdateAccount: changes the caller's account. */
export function updateAccountRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.updateAccount> {
  return async ({ expectedVersion, displayName }, context) => {
    const row = await updateAccount(deps, callerOf(context), { expectedVersion, displayName });
    return { account: ownAccountMessage(row) };
  };
}
