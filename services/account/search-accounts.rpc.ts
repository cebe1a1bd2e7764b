import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { accountMessage } from "./account-message.ts";
import { searchAccounts } from "./search-accounts.ts";

/** SearchAccounts: accounts whose handle starts with a prefix. */
export function searchAccountsRpc(
  deps: AccountDeps,
): MethodImpl<typeof AccountService.method.searchAccounts> {
  return async ({ handlePrefix, pageSize, pageToken }, context) => {
    const { accountId } = callerOf(context);
    const page = await searchAccounts(deps, { handlePrefix, pageSize, pageToken });
    return {
      accounts: page.accounts.map((row) => accountMessage(row, accountId)),
      nextPageToken: page.nextPageToken,
    };
  };
}
