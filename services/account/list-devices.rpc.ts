import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import { callerOf } from "../rpc/caller.ts";
import type { AccountDeps } from "./account-deps.ts";
import { deviceMessage } from "./account-message.ts";
import { listDevices } from "./list-devices.ts";

/** ListDevices: the caller's devices that are logged in. */
export function listDevicesRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.listDevices> {
  return async (_request, context) => {
    const caller = callerOf(context);
    const rows = await listDevices(deps, caller);
    return { devices: rows.map((row) => deviceMessage(row, caller.deviceId)) };
  };
}
