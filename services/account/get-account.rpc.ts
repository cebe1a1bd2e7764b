import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService, GetAccountRequest } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { accountMessage } from "./account-message.ts";
import { type AccountName, getAccount } from "./get-account.ts";

/** GetAccount: one account by id or handle, or the caller's own. */
export function getAccountRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.getAccount> {
  return async (request, context) => {
    const caller = callerOf(context);
    const row = await getAccount(deps, caller, nameIn(request.account));
    return { account: accountMessage(row, caller.accountId) };
  };
}

function nameIn(account: GetAccountRequest["account"]): AccountName {
  if (account.case === "accountId") return { by: "id", accountId: account.value };
  return account.case === "handle" ? { by: "handle", handle: account.value } : { by: "self" };
}
