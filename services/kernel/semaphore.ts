import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "./fault.ts";
import type { Metrics } from "./metrics.ts";

/** Bounds of a semaphore. */
export interface SemaphoreOptions {
  /** Names the limit in metrics and refusals: `password_hash`. */
  readonly name: string;
  /** How many tasks run at once. */
  readonly limit: number;
  /** How many may wait; one more is refused. */
  readonly queueMax: number;
  /** What a refusal tells the client to wait, in milliseconds. */
  readonly retryDelayMs: number;
  /** Gets the gauges `<name>_running` and `<name>_waiting` and the counter `<name>_refused_total`. */
  readonly metrics?: Metrics;
}

/** Runs tasks, a bounded number at once, the rest in the order of their arrival. */
export interface Semaphore {
  readonly running: number;
  readonly waiting: number;
  /**
   * Runs `task` when its turn comes and settles as it does. Rejects with Fault OVERLOADED at once when the
   * queue is full, and with the signal's reason when `signal` aborts before the turn came; the task has then
   * not run. A task that runs is not interrupted.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** Creates a semaphore with a bounded queue. */
export function createSemaphore(options: SemaphoreOptions): Semaphore {
  let running = 0;
  const queue = new Set<() => void>();
  const refused = options.metrics?.counter(
    `${options.name}_refused_total`,
    "Tasks refused because the queue was full",
  );
  options.metrics?.observedGauge(`${options.name}_running`, "Tasks that run", () => running);
  options.metrics?.observedGauge(
    `${options.name}_waiting`,
    "Tasks that wait for their turn",
    () => queue.size,
  );

  const release = (): void => {
    const [next] = queue;
    if (next === undefined) running -= 1;
    else next();
  };

  /** Resolves when a place is taken for the caller; a freed place passes on without being given up. */
  const acquire = (signal: AbortSignal | undefined): Promise<void> => {
    signal?.throwIfAborted();
    if (running < options.limit) {
      running += 1;
      return Promise.resolve();
    }
    if (queue.size >= options.queueMax) {
      refused?.add();
      throw overloaded(options);
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.delete(enter);
        // The caller's own reason travels on unchanged; AbortSignal types it as any.
        reject(
          signal?.reason instanceof Error ? signal.reason : new Error("aborted while waiting for a turn"),
        );
      };
      const enter = (): void => {
        queue.delete(enter);
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      queue.add(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  };

  return {
    get running() {
      return running;
    },
    get waiting() {
      return queue.size;
    },
    async run(task, signal) {
      await acquire(signal);
      try {
        return await task();
      } finally {
        release();
      }
    },
  };
}

function overloaded(options: SemaphoreOptions): Fault {
  const message = `too many are waiting (${options.queueMax}): try again later`;
  return new Fault(ErrorReason.OVERLOADED, message, {
    metadata: { limit: options.name },
    retryDelayMs: options.retryDelayMs,
  });
}
