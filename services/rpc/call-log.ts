import { Code } from "@connectrpc/connect";
import type { Logger } from "../kernel/logger.ts";
import type { CallObserver } from "./call.ts";

/** Logs one line per call: who, what, how long, how it ended. Never contents, headers or tokens. */
export function callLog(logger: Logger): CallObserver {
  return (call, outcome) => {
    const fields = {
      method: call.name,
      protocol: call.protocol,
      requestId: call.requestId,
      address: call.address,
      accountId: call.caller?.accountId,
      deviceId: call.caller?.deviceId,
      code: outcome.code,
      reason: outcome.reason || undefined,
      durationMs: Math.round(outcome.durationMs * 1000) / 1000,
    };
    if (outcome.error?.code === Code.Internal) logger.error("call failed", fields);
    else if (outcome.error?.code === Code.Unavailable) logger.warn("call refused", fields);
    else logger.info("call", fields);
  };
}
