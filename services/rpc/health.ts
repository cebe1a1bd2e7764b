import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";

/** What a node says about itself by grpc.health.v1. */
export interface HealthState {
  /** Sets one service, or with an empty name the whole node, to serving or not serving. */
  set(service: string, serving: boolean): void;
  /** Everything is NOT_SERVING from now on, whatever is set later. */
  drain(): void;
  /** The status of a service; the empty name means the node. Undefined: there is no such service. */
  statusOf(service: string): ServingStatus | undefined;
  readonly services: readonly string[];
  /** Runs `callback` after every change, until the returned function is called. */
  subscribe(callback: () => void): () => void;
}

/** Creates the state for the node as a whole and `services` (full names); all are serving. */
export function createHealthState(services: readonly string[]): HealthState {
  const serving = new Map<string, boolean>(["", ...services].map((name) => [name, true]));
  const subscribers = new Set<() => void>();
  let draining = false;
  const notify = (): void => {
    for (const subscriber of subscribers) subscriber();
  };
  return {
    set: (service, value) => {
      serving.set(service, value);
      notify();
    },
    drain: () => {
      draining = true;
      notify();
    },
    statusOf: (service) => {
      const value = serving.get(service);
      if (value === undefined) return undefined;
      return value && !draining ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    },
    get services() {
      return [...serving.keys()];
    },
    subscribe: (callback) => {
      // A function of its own, so that two subscriptions of one callback stay two.
      const subscriber = (): void => callback();
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
  };
}

/** Registers grpc.health.v1: Check, List, and Watch, which tells each change until its client leaves. */
export function healthRoutes(state: HealthState): (router: ConnectRouter) => void {
  return (router) => {
    router.service(Health, {
      check: ({ service }) => {
        const status = state.statusOf(service);
        if (status === undefined) throw unknownServiceFault(service);
        return { status };
      },
      list: () => ({
        statuses: Object.fromEntries(
          state.services.map((name) => [name, { status: state.statusOf(name) ?? ServingStatus.UNKNOWN }]),
        ),
      }),
      watch: ({ service }, context) => watchStatus(state, service, context),
    });
  };
}

async function* watchStatus(
  state: HealthState,
  service: string,
  context: HandlerContext,
): AsyncGenerator<{ status: ServingStatus }> {
  let sent: ServingStatus | undefined;
  while (!context.signal.aborted) {
    const status = state.statusOf(service) ?? ServingStatus.SERVICE_UNKNOWN;
    if (status !== sent) {
      sent = status;
      yield { status };
    } else {
      await nextChange(state, context.signal);
    }
  }
}

/** Resolves after the next change, or when the signal aborts. */
function nextChange(state: HealthState, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      unsubscribe();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const unsubscribe = state.subscribe(finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

function unknownServiceFault(service: string): Fault {
  const metadata = { service };
  return new Fault(ErrorReason.SERVICE_NOT_FOUND, "This node does not have that service", { metadata });
}
