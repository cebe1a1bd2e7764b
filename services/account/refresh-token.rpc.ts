import type { MethodImpl } from "@connectrpc/connect";
import type { AccountService } from "../../gen/parley/account/v1/account_service_pb.ts";
import type { AccountDeps } from "./account-deps.ts";
import { tokensMessage } from "./account-message.ts";
import { refreshTokens } from "./refresh-tokens.ts";

/** RefreshToken: exchanges a refresh token for new tokens. */
export function refreshTokenRpc(deps: AccountDeps): MethodImpl<typeof AccountService.method.refreshToken> {
  return async (request) => ({ tokens: tokensMessage(await refreshTokens(deps, request.refreshToken)) });
}
