import type { Caller } from "../../rpc/caller.ts";
import { simEpochMs } from "./sim-clock.ts";

/** How long simulated tokens are good, in milliseconds: longer than any run. */
const tokenMs = 86_400_000;

/** Who a simulated device is. */
export function callerOfDevice(accountId: string, deviceId: string): Caller {
  return { accountId, deviceId, tokenId: `${accountId} ${deviceId}`, tokenExpireMs: simEpochMs + tokenMs };
}

/** What production signs and verifies in a thread pool: here a token says who it is of, and is believed. */
export function parseCallerToken(token: string): Caller {
  const [accountId = "", deviceId = ""] = token.split(" ");
  return callerOfDevice(accountId, deviceId);
}
