import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import type { AccountDeps } from "./account-deps.ts";
import { ownAccountMessage, tokensMessage } from "./account-message.ts";
import { login } from "./login.ts";

/** Login: gives a device and its tokens. */
export function loginRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.login> {
  return async (request, context) => {
    const { handle, password, deviceId, deviceName } = request;
    const result = await login(
      deps,
      { handle, password: password?.text ?? "", deviceId, deviceName },
      context.signal,
    );
    return {
      account: ownAccountMessage(result.account),
      deviceId: result.deviceId,
      tokens: tokensMessage(result.tokens),
    };
  };
}
