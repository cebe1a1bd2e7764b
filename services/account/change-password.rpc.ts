import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { changePassword } from "./change-password.ts";

/** ChangePassword: replaces the caller's password. */
export function changePasswordRpc(
  deps: AccountDeps,
): MethodImpl<typeof AccountService.method.changePassword> {
  return async ({ oldPassword, newPassword, revokeOtherDevices }, context) => {
    const change = {
      oldPassword: oldPassword?.text ?? "",
      newPassword: newPassword?.text ?? "",
      revokeOtherDevices,
    };
    await changePassword(deps, callerOf(context), change, context.signal);
    return {};
  };
}
