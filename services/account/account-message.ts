import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Account,
  AccountSchema,
  type Device,
  DeviceSchema,
  type Tokens,
  TokensSchema,
} from "../../gen/parley/account/v1/account_pb.ts";
import type { DeviceTokens } from "./device-tokens.ts";
import type { AccountRow, DeviceRow } from "./ports.ts";
import { versionText } from "./update-account.ts";

/** An account as its owner sees it. */
export function ownAccountMessage(row: AccountRow): Account {
  return create(AccountSchema, { ...publicFields(row), version: versionText(row) });
}

/** An account as `viewerId` sees it: the version is shown to its owner only. */
export function accountMessage(row: AccountRow, viewerId: string): Account {
  return row.accountId === viewerId ? ownAccountMessage(row) : create(AccountSchema, publicFields(row));
}

/** A device as its owner sees it from the device `currentDeviceId`. */
export function deviceMessage(row: DeviceRow, currentDeviceId: string): Device {
  return create(DeviceSchema, {
    deviceId: row.deviceId,
    displayName: row.displayName,
    createTime: timestampFromMs(row.createTimeMs),
    activeTime: timestampFromMs(row.activeTimeMs),
    current: row.deviceId === currentDeviceId,
  });
}

export function tokensMessage(tokens: DeviceTokens): Tokens {
  return create(TokensSchema, {
    accessToken: tokens.accessToken,
    accessExpireTime: timestampFromMs(tokens.accessExpireMs),
    refreshToken: tokens.refreshToken,
    refreshExpireTime: timestampFromMs(tokens.refreshExpireMs),
  });
}

function publicFields(row: AccountRow) {
  return {
    accountId: row.accountId,
    handle: row.handle,
    displayName: row.displayName,
    createTime: timestampFromMs(row.createTimeMs),
  };
}
