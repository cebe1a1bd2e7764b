import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import type { Metrics } from "../kernel/metrics.ts";

/** What the account domain counts. Outcomes are `ok`, `bug`, or the name of a reason in lower case. */
export interface AccountMetrics {
  /** Settles as `attempt` does, and counts how. */
  register<T>(attempt: Promise<T>): Promise<T>;
  login<T>(attempt: Promise<T>): Promise<T>;
  refresh<T>(attempt: Promise<T>): Promise<T>;
}

/** Creates the counters of the account domain. */
export function createAccountMetrics(metrics: Metrics): AccountMetrics {
  const counting = (name: string, help: string) => {
    const counter = metrics.counter(name, help, ["outcome"]);
    return async <T>(attempt: Promise<T>): Promise<T> => {
      try {
        const result = await attempt;
        counter.add(1, { outcome: "ok" });
        return result;
      } catch (error) {
        counter.add(1, { outcome: outcomeOf(error) });
        throw error;
      }
    };
  };
  return {
    register: counting("registrations_total", "Register calls by outcome"),
    login: counting("logins_total", "Login calls by outcome"),
    refresh: counting("token_refreshes_total", "RefreshToken calls by outcome"),
  };
}

function outcomeOf(error: unknown): string {
  if (!(error instanceof Fault)) return "bug";
  const name = Object.entries(ErrorReason).find(([, value]) => value === error.reason)?.[0];
  return name?.toLowerCase() ?? "bug";
}
