import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import type { AccountDeps } from "./account-deps.ts";
import { ownAccountMessage } from "./account-message.ts";
import { register } from "./register.ts";

/** Register: creates an account. */
export function registerRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.register> {
  return async (request, context) => {
    const { requestId, handle, displayName, password } = request;
    const row = await register(
      deps,
      { requestId, handle, displayName, password: password?.text ?? "" },
      context.signal,
    );
    return { account: ownAccountMessage(row) };
  };
}
