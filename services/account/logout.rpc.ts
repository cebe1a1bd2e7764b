import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { logout } from "./revoke-device.ts";

/** Logout: ends the calling device. */
export function logoutRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.logout> {
  return async (_request, context) => {
    await logout(deps, callerOf(context));
    return {};
  };
}
