import type { ConnectRouter } from "@connectrpc/connect";
import { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import type { AccountDeps } from "./account-deps.ts";
import { changePasswordRpc } from "./change-password.rpc.ts";
import { deleteAccountRpc } from "./delete-account.rpc.ts";
import { getAccountRpc } from "./get-account.rpc.ts";
import { listDevicesRpc } from "./list-devices.rpc.ts";
import { loginRpc } from "./login.rpc.ts";
import { logoutRpc } from "./logout.rpc.ts";
import { refreshTokenRpc } from "./refresh-token.rpc.ts";
import { registerRpc } from "./register.rpc.ts";
import { revokeDeviceRpc } from "./revoke-device.rpc.ts";
import { searchAccountsRpc } from "./search-accounts.rpc.ts";
import { updateAccountRpc } from "./update-account.rpc.ts";

/** The RPCs of AccountService. Interceptors have authenticated the caller and validated the request. */
export function accountRoutes(deps: AccountDeps): (router: ConnectRouter) => void {
  return (router) => {
    router.service(AccountService, {
      register: registerRpc(deps),
      login: loginRpc(deps),
      refreshToken: refreshTokenRpc(deps),
      logout: logoutRpc(deps),
      getAccount: getAccountRpc(deps),
      updateAccount: updateAccountRpc(deps),
      changePassword: changePasswordRpc(deps),
      listDevices: listDevicesRpc(deps),
      revokeDevice: revokeDeviceRpc(deps),
      searchAccounts: searchAccountsRpc(deps),
      deleteAccount: deleteAccountRpc(deps),
    });
  };
}
