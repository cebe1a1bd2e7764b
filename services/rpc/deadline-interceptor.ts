import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Clock } from "../kernel/clock.ts";

/** Deadlines of unary calls, in milliseconds. */
export interface UnaryDeadlines {
  /** For a call whose client states none. */
  readonly unaryTimeoutMsDefault: number;
  /** The longest a call runs, whatever its client states. */
  readonly unaryTimeoutMsMax: number;
}

/** What the interceptor needs. */
export interface DeadlineDeps {
  readonly clock: Clock;
  readonly deadlines: UnaryDeadlines;
  /** Methods that wait on purpose, with their own default in milliseconds instead of `unaryTimeoutMsDefault`. */
  readonly timeoutsMs?: ReadonlyMap<DescMethod, number>;
  /** Sees what an implementation threw after its caller was answered, so that no bug goes unseen. */
  readonly onLateError: (error: unknown, signal: AbortSignal, where: string) => void;
}

/**
 * Ends every unary call at its deadline even when its implementation hangs: the client's own, which connect
 * watches, or the node's. The implementation's signal aborts with it. Streams have no deadline of the node.
 */
export function deadlineInterceptor(deps: DeadlineDeps): Interceptor {
  const { clock, deadlines, timeoutsMs, onLateError } = deps;
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const controller = new AbortController();
    const { signal } = controller;
    const forward = (): void => controller.abort(request.signal.reason);
    if (request.signal.aborted) forward();
    else request.signal.addEventListener("abort", forward, { once: true });
    const stated = request.header.has("grpc-timeout") || request.header.has("connect-timeout-ms");
    const defaultMs = timeoutsMs?.get(request.method) ?? deadlines.unaryTimeoutMsDefault;
    const limitMs = stated ? deadlines.unaryTimeoutMsMax : defaultMs;
    const timer = clock.after(limitMs, () =>
      controller.abort(new ConnectError("the deadline passed", Code.DeadlineExceeded)),
    );
    const late = (error: unknown): void =>
      onLateError(error, signal, `${request.service.typeName}/${request.method.name}`);
    try {
      return await raceSignal(signal, () => next({ ...request, signal }), late);
    } finally {
      timer.cancel();
      request.signal.removeEventListener("abort", forward);
    }
  };
}

/** Rejects with the signal's reason as soon as it aborts, else settles as `work` does. */
function raceSignal<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  late: (error: unknown) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortError(signal));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    work().then(
      (result) => {
        signal.removeEventListener("abort", abort);
        resolve(result);
      },
      (error: Error) => {
        signal.removeEventListener("abort", abort);
        if (signal.aborted) late(error);
        else reject(error);
      },
    );
  });
}

/** Signals of this process are aborted with errors only, but their type does not say so. */
function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("the call was aborted");
}
