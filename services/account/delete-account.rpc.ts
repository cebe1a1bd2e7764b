import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { deleteAccount } from "./delete-account.ts";

/** DeleteAccount: deletes the caller's account. */
export function deleteAccountRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.deleteAccount> {
  return async (request, context) => {
    await deleteAccount(deps, callerOf(context), request.password?.text ?? "", context.signal);
    return {};
  };
}
