import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { Tracer } from "@opentelemetry/api";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import type { CallObserver } from "./call.ts";
import { type CallGates, createCallGates } from "./call-gate.ts";
import { callLog } from "./call-log.ts";
import { callMetrics } from "./call-metrics.ts";
import type { Authenticator } from "./caller.ts";
import { deadlineInterceptor } from "./deadline-interceptor.ts";
import { errorConformance } from "./error-conformance.ts";
import { errorInterceptor } from "./error-interceptor.ts";
import { createErrorMapper, type ErrorMapper } from "./error-mapper.ts";
import { createMessageValidator, type ValidateMessage } from "./message-validator.ts";
import { createRateLimits, type RateTable } from "./rate-limits.ts";
import { type CallLimits, callLimitsDefault } from "./rpc-limits.ts";
import { createCallTracing } from "./trace-interceptor.ts";
import { validationInterceptor } from "./validation-interceptor.ts";

/** What guarding calls needs. */
export interface InterceptorDeps {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly authenticator: Authenticator;
  /** `callLimitsDefault` where unset. */
  readonly limits?: Partial<CallLimits>;
  /** Unary methods that wait on purpose, with their own default deadline in milliseconds. */
  readonly timeoutsMs?: ReadonlyMap<DescMethod, number>;
  /** `ratesDefault` when unset. */
  readonly rates?: RateTable;
  /** `rateStatesMaxDefault` when unset. */
  readonly rateStatesMax?: number;
  /** The global tracer when unset. */
  readonly tracer?: Tracer;
  /** Shared with domains that validate messages of client streams; made here when unset. */
  readonly validateMessage?: ValidateMessage;
  /** Shared with streams that put failures into messages; made here when unset. */
  readonly errors?: ErrorMapper;
  /** Called with every error that leaves as BUG; not used when `errors` is given. */
  readonly onBug?: (error: unknown) => void;
  /** Called with every status that breaks the contract; for tests. */
  readonly onNonConformity?: (violation: string) => void;
}

/** Everything that guards calls: gates before the body, interceptors after it, observers of the end. */
export interface Interceptors extends CallGates {
  readonly interceptors: readonly Interceptor[];
  readonly errors: ErrorMapper;
  readonly validateMessage: ValidateMessage;
  readonly limits: CallLimits;
}

/** Composes the guards of one node. Rate states and compiled rules live as long as the result. */
export function createInterceptors(deps: InterceptorDeps): Interceptors {
  const limits = { ...callLimitsDefault, ...deps.limits };
  const errors = deps.errors ?? createErrorMapper(deps);
  const validateMessage = deps.validateMessage ?? createMessageValidator();
  const tracing = createCallTracing(deps.tracer);
  const observers: CallObserver[] = [tracing.observer, callMetrics(deps.metrics), callLog(deps.logger)];
  if (deps.onNonConformity !== undefined) observers.push(errorConformance(deps.onNonConformity));
  const rateLimits = createRateLimits({
    clock: deps.clock,
    metrics: deps.metrics,
    ...(deps.rates === undefined ? {} : { rates: deps.rates }),
    ...(deps.rateStatesMax === undefined ? {} : { statesMax: deps.rateStatesMax }),
  });
  const gates = createCallGates({
    ...deps,
    errors,
    rateLimits,
    observers,
    readBytesMax: limits.readBytesMax,
  });
  return {
    ...gates,
    errors,
    validateMessage,
    limits,
    // The first one is the outermost.
    interceptors: [
      errorInterceptor(errors, limits.readBytesMax),
      tracing.interceptor,
      deadlineInterceptor({
        clock: deps.clock,
        deadlines: limits,
        ...(deps.timeoutsMs === undefined ? {} : { timeoutsMs: deps.timeoutsMs }),
        onLateError: (error, signal, where) =>
          void errors.statusOf(error, { stage: "handling", signal, where }),
      }),
      validationInterceptor(validateMessage),
    ],
  };
}
