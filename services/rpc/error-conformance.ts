import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { CallObserver } from "./call.ts";
import { errorDomain } from "./error-mapper.ts";
import { codeOfReasonName } from "./reason-code.ts";

/** Says what is wrong with a status by the contract's rules, or undefined when nothing is. */
export function nonConformity(error: unknown): string | undefined {
  if (!(error instanceof ConnectError)) return `not a status: ${String(error)}`;
  const infos = error.findDetails(ErrorInfoSchema);
  const [info] = infos;
  if (info === undefined || infos.length > 1) {
    return `${Code[error.code]} leaves with ${infos.length} ErrorInfo: ${error.rawMessage}`;
  }
  if (info.domain !== errorDomain) return `ErrorInfo has domain ${info.domain}`;
  const code = codeOfReasonName(info.reason);
  if (code === undefined) return `reason ${info.reason} is not in the contract`;
  if (code !== error.code) return `reason ${info.reason} leaves with ${Code[error.code]}, not ${Code[code]}`;
  if (error.code === Code.Internal) return `a bug left: ${error.rawMessage}`;
  if (error.code === Code.Unavailable && error.findDetails(RetryInfoSchema).length !== 1) {
    return `${info.reason} leaves without RetryInfo`;
  }
  return undefined;
}

/** Reports every status that breaks the contract to `onNonConformity`; tests fail in it. */
export function errorConformance(onNonConformity: (violation: string) => void): CallObserver {
  return (call, outcome) => {
    const violation = outcome.error === undefined ? undefined : nonConformity(outcome.error);
    if (violation !== undefined) onNonConformity(`${call.name}: ${violation}`);
  };
}
