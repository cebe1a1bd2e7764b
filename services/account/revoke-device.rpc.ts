import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { revokeDevice } from "./revoke-device.ts";

/** RevokeDevice: ends one of the caller's devices. */
export function revokeDeviceRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.revokeDevice> {
  return async (request, context) => {
    await revokeDevice(deps, callerOf(context), request.deviceId);
    return {};
  };
}
