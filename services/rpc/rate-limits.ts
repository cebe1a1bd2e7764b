import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { RateClass, RateClassSchema } from "../../gen/parley/policy/v1/policy_pb.ts";
import { BoundedMap } from "../kernel/bounded-map.ts";
import type { Clock } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Caller } from "./caller.ts";
import { admitCall, type Rate } from "./gcra.ts";

/** Whose budget a call is counted against. */
export type RateScope = "account" | "device" | "address";

/** The rates of one class. */
export type ScopedRates = Readonly<Record<RateScope, Rate>>;

/** The rates of all classes; a class that is not named is not limited. */
export type RateTable = ReadonlyMap<RateClass, ScopedRates>;

/** Keys whose state is kept; the one used longest ago is forgotten, which gives it a full burst again. */
export const rateStatesMaxDefault = 100_000;

/** Several people share an address (an office, a provider's NAT), so it may do more than one account. */
const addressFactor = 5;

function everyScope(perSecond: number, burst: number): ScopedRates {
  const own = { perSecond, burst };
  return {
    account: own,
    device: own,
    address: { perSecond: perSecond * addressFactor, burst: burst * addressFactor },
  };
}

/** The figures that `parley.policy.v1.RateClass` documents, per account and device; five times that per address. */
export const ratesDefault: RateTable = new Map<RateClass, ScopedRates>([
  [RateClass.READ, everyScope(50, 200)],
  [RateClass.WRITE, everyScope(10, 50)],
  [RateClass.SEND, everyScope(50, 200)],
  [RateClass.STREAM, everyScope(20, 100)],
  [RateClass.SECRET, everyScope(1, 20)],
  [RateClass.SEARCH, everyScope(2, 20)],
]);

/** What rate limits need. */
export interface RateLimitsOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** `ratesDefault` when unset. */
  readonly rates?: RateTable;
  /** `rateStatesMaxDefault` when unset. */
  readonly statesMax?: number;
}

/** Budgets of accounts, devices and addresses. Each check throws RATE_LIMITED with RetryInfo when one is used up. */
export interface RateLimits {
  checkAddress(rateClass: RateClass, address: string): void;
  checkCaller(rateClass: RateClass, caller: Caller): void;
}

/** Creates the rate limits of one node. */
export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const { clock, metrics } = options;
  const rates = options.rates ?? ratesDefault;
  const statesMax = options.statesMax ?? rateStatesMaxDefault;
  const refusals = metrics.counter("rpc_rate_limited_total", "Calls refused by a rate", ["class", "scope"]);
  const forgotten = metrics.counter("rpc_rate_states_evicted_total", "Rate states forgotten: table full");
  const arrivals = new BoundedMap<string, number>({ limit: statesMax, onEvict: () => forgotten.add() });
  metrics.observedGauge("rpc_rate_states", "Rate states kept", () => arrivals.size);

  const check = (rateClass: RateClass, scope: RateScope, id: string): void => {
    const rate = rates.get(rateClass)?.[scope];
    if (rate === undefined) return;
    const key = `${rateClass} ${scope} ${id}`;
    const verdict = admitCall(rate, arrivals.get(key), clock.monotonicMs());
    if (verdict.kind === "refused") {
      const name = rateClassName(rateClass);
      refusals.add(1, { class: name, scope });
      throw rateFault(name, scope, verdict.retryDelayMs);
    }
    arrivals.set(key, verdict.arrivalMs);
  };
  return {
    checkAddress: (rateClass, address) => check(rateClass, "address", address),
    checkCaller: (rateClass, caller) => {
      check(rateClass, "account", caller.accountId);
      check(rateClass, "device", caller.deviceId);
    },
  };
}

function rateClassName(rateClass: RateClass): string {
  return (RateClassSchema.value[rateClass]?.name ?? String(rateClass)).replace(/^RATE_CLASS_/, "");
}

function rateFault(rateClass: string, scope: RateScope, retryDelayMs: number): Fault {
  return new Fault(
    ErrorReason.RATE_LIMITED,
    `Too many calls of class ${rateClass} from this ${scope} - wait ${retryDelayMs} ms`,
    { metadata: { rate_class: rateClass, scope }, retryDelayMs },
  );
}
