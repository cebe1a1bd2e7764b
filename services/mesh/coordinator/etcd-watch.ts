import {
  EtcdError,
  GRPCDeadlineExceededError,
  GRPCUnavailableError,
  type IDuplexStream,
  type IWatchRequest,
  type IWatchResponse,
} from "etcd3";
import { backoffDelayMs } from "../../kernel/backoff.ts";
import { type Clock, sleep } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Counter, Metrics } from "../../kernel/metrics.ts";
import type { Rng } from "../../kernel/rng.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import type { EtcdConnection, SendToEtcd } from "./etcd-connection.ts";
import { keysBelow } from "./etcd-keys.ts";
import { etcdLimits, watchRetry } from "./etcd-limits.ts";

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

export interface EtcdWatchOptions {
  readonly connection: EtcdConnection;
  /** Keys that begin with it are watched; it ends with a slash. */
  readonly prefix: string;
  /** Called when keys have changed, or may have while nobody watched: whenever the watch begins anew. */
  readonly onHint: () => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The watcher of etcd3 skips changes after a break and may throw where nobody can catch it, so this is the bare stream. */
export class EtcdWatch {
  readonly #options: EtcdWatchOptions;
  readonly #began: Counter;
  readonly #lifetime = new AbortController();
  /** Ends the stream that is open. */
  #break: (why: string) => void = ignore;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    this.#began = options.metrics.counter("etcd_watches_total", "How often the watch of nodes began");
  }

  /** Watches until it is stopped. */
  start(): void {
    void this.#run();
  }

  /** Ends the stream, to open it on another connection, at the server that is asked now. */
  reopen(): void {
    this.#over("its server did not answer");
  }

  stop(): void {
    this.#lifetime.abort(new Error("the watch was stopped"));
    this.#over("it was stopped");
  }

  async #run(): Promise<void> {
    const { clock, rng, logger } = this.#options;
    const { signal } = this.#lifetime;
    let failures = 0;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const why = await this.#watchOnce();
      if (signal.aborted) return;
      // One that is broken as soon as it stands has not recovered.
      failures = clock.monotonicMs() - startMs > watchRetry.maxMs ? 1 : failures + 1;
      const delayMs = backoffDelayMs(watchRetry, failures, rng.fraction()) ?? watchRetry.maxMs;
      logger.debug("the watch of nodes in etcd ended and begins anew", { why, delayMs: Math.round(delayMs) });
      await sleep(clock, delayMs, signal);
    }
  }

  /** Watches until that ends, and answers why it did. */
  async #watchOnce(): Promise<string> {
    const { connection, clock, prefix } = this.#options;
    const open: SendToEtcd<WatchStream> = (client, options) => client.watchClient.watch(options);
    const opened = await connection
      .open("watch", open)
      .catch((thrown: unknown) => thrownError(thrown).message);
    if (typeof opened === "string") return opened;
    const { stream, failed } = opened;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#break = resolve;
    const fail = (error: Error): void => {
      // The stream of a watch that is over ends with an error too, because it is cancelled.
      if (this.#break === resolve) this.#over(failed(error).message);
    };
    const late = clock.after(etcdLimits.requestMsMax, () =>
      fail(new GRPCDeadlineExceededError("no watch began")),
    );
    stream
      .on("data", (answer) => {
        late.cancel();
        if (answer.canceled) fail(new EtcdError(answer.cancel_reason));
        else this.#onAnswer(answer);
      })
      .on("error", fail)
      .on("end", () => fail(new GRPCUnavailableError("the stream of the watch ended")));
    if (this.#lifetime.signal.aborted) this.#over("it was stopped");
    else stream.write({ create_request: keysBelow(prefix) });
    const why = await promise;
    late.cancel();
    stream.cancel();
    return why;
  }

  #onAnswer({ created, events }: IWatchResponse): void {
    if (created) this.#began.add();
    if (created || events.length > 0) this.#options.onHint();
  }

  #over(why: string): void {
    const end = this.#break;
    this.#break = ignore;
    end(why);
  }
}

function ignore(): void {
  // No watch is open.
}
