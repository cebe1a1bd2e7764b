import { backoffDelayMs } from "../kernel/backoff.ts";
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Database } from "./database.ts";
import type { DatabaseMetrics } from "./database-metrics.ts";
import type { ConnectionPragmas } from "./effective-pragmas.ts";
import { StoreOutcomeUnknown, StoreRefusal } from "./failures.ts";
import { restartPolicy, stableAfterMs, stopWithinMsDefault } from "./limits.ts";
import { PendingRequests } from "./pending-requests.ts";
import type { ArgumentOf, ProcedureTables, ResultOf } from "./procedures.ts";
import type { Request, RequestKind, WorkerSettings } from "./protocol.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { type LinkListener, WorkerLink } from "./worker-link.ts";

/** What a database is made of besides its worker. */
export interface DatabaseParts {
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DatabaseMetrics;
  readonly silentAfterMs: number;
}

type State =
  | { readonly type: "open"; readonly link: WorkerLink; readonly sinceMs: number }
  /** `link` is the one being started, once the pause is over. */
  | { readonly type: "restarting"; readonly timer: Timer; readonly link: WorkerLink | undefined }
  | { readonly type: "stopped" };

/** The main thread's side: queues requests, sends them in batches, and restarts a worker that died. */
export class WorkerDatabase<P extends ProcedureTables> implements Database<P> {
  readonly #parts: DatabaseParts;
  readonly #pending: PendingRequests;
  readonly #watch: SilenceWatch;
  #state: State = { type: "stopped" };
  #restartsInARow = 0;
  #flushing = false;
  #stopping: Promise<void> | undefined;

  private constructor(parts: DatabaseParts) {
    this.#parts = parts;
    this.#pending = new PendingRequests(parts.settings.limits);
    const silent = `the worker answered nothing for ${parts.silentAfterMs} ms`;
    this.#watch = new SilenceWatch(parts.clock, parts.silentAfterMs, () => this.#lost(silent));
  }

  /** Starts the worker. Rejects with UnusableDatabase. */
  static async open<P extends ProcedureTables>(parts: DatabaseParts): Promise<WorkerDatabase<P>> {
    const database = new WorkerDatabase<P>(parts);
    const link = new WorkerLink(parts.settings, database.#listener());
    await link.ready;
    database.#opened(link);
    return database;
  }

  run<N extends keyof P["writes"] & string>(
    name: N,
    argument: ArgumentOf<P["writes"][N]>,
  ): Promise<ResultOf<P["writes"][N]>> {
    return this.#request("write", name, argument);
  }

  read<N extends keyof P["reads"] & string>(
    name: N,
    argument: ArgumentOf<P["reads"][N]>,
  ): Promise<ResultOf<P["reads"][N]>> {
    return this.#request("read", name, argument);
  }

  pragmas(): Promise<readonly ConnectionPragmas[]> {
    return this.#request("pragmas", "pragmas", undefined);
  }

  stop(withinMs = stopWithinMsDefault): Promise<void> {
    this.#stopping ??= this.#shutDown(withinMs);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #request<Result>(kind: RequestKind, name: string, argument: unknown): Promise<Result> {
    try {
      if (this.#state.type !== "open") {
        const why = this.#state.type === "stopped" ? "is stopped" : "is being restarted";
        throw new StoreRefusal(`The database ${why}`, { kind: "unavailable" });
      }
      const answer = this.#pending.add<Result>({ kind, name, argument });
      this.#scheduleFlush();
      return await answer;
    } catch (thrown) {
      if (thrown instanceof StoreRefusal) this.#parts.metrics.refused(thrown.kind);
      if (thrown instanceof StoreOutcomeUnknown) this.#parts.metrics.unknown();
      throw thrown;
    }
  }

  /**
   * One message takes along all requests of a turn of the event loop. The real timer is used whatever
   * the clock: the thread on the other side lives in real time.
   */
  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (this.#state.type === "open") this.#flush(this.#state.link);
    });
  }

  #flush(link: WorkerLink): void {
    const requests = this.#pending.takeUnsent();
    if (requests.length === 0) return;
    this.#watch.expect();
    try {
      link.post({ type: "requests", requests });
    } catch {
      for (const request of requests) this.#postAlone(link, request);
    }
    this.#parts.metrics.pending(this.#pending.size);
  }

  /** The way for a turn in which some argument cannot be cloned: it alone is refused. */
  #postAlone(link: WorkerLink, request: Request): void {
    try {
      link.post({ type: "requests", requests: [request] });
    } catch (thrown) {
      const message = `The argument of "${request.name}" cannot be sent between threads: ${String(thrown)}`;
      const none = { resultCode: undefined, constraint: undefined };
      this.#pending.settle({ id: request.id, outcome: "refused", kind: "other", message, ...none });
      this.#watch.heard(this.#pending.size > 0);
    }
  }

  #listener(): LinkListener {
    return {
      onAnswers: ({ answers, committed }) => {
        for (const answer of answers) this.#pending.settle(answer);
        this.#watch.heard(this.#pending.size > 0);
        this.#parts.metrics.pending(this.#pending.size);
        if (committed > 0) this.#parts.metrics.committed(committed);
      },
      onLog: (emptied) => this.#parts.metrics.logTooLarge(emptied),
      onEnd: (why) => this.#lost(why),
    };
  }

  #opened(link: WorkerLink): void {
    this.#state = { type: "open", link, sinceMs: this.#parts.clock.monotonicMs() };
  }

  #lost(why: string): void {
    if (this.#state.type !== "open") return;
    const { link, sinceMs } = this.#state;
    // A silent worker may sit in a system call that never returns, so nobody waits for its end.
    void link.terminate();
    this.#watch.stop();
    if (this.#parts.clock.monotonicMs() - sinceMs >= stableAfterMs) this.#restartsInARow = 0;
    this.#restartAfterPause(why);
    this.#pending.failAll(`The database's worker was lost: ${why}`);
  }

  #restartAfterPause(why: string): void {
    const { clock, logger, metrics, settings } = this.#parts;
    this.#restartsInARow += 1;
    // No jitter (a fraction of 1): this file's worker is alone, there is no crowd to spread.
    const delayMs = backoffDelayMs(restartPolicy, this.#restartsInARow, 1) ?? restartPolicy.maxMs;
    metrics.restarted();
    const level = this.#restartsInARow < 3 ? "warn" : "error";
    logger[level]("the database worker was lost and is started again", { path: settings.path, why, delayMs });
    const timer = clock.after(delayMs, () => void this.#restart(timer));
    this.#state = { type: "restarting", timer, link: undefined };
  }

  async #restart(timer: Timer): Promise<void> {
    const settings: WorkerSettings = { ...this.#parts.settings, integrityCheck: "none" };
    const link = new WorkerLink(settings, this.#listener());
    this.#state = { type: "restarting", timer, link };
    try {
      await link.ready;
      if (this.#isStarting(link)) this.#opened(link);
    } catch (thrown) {
      if (this.#isStarting(link)) this.#restartAfterPause(String(thrown));
    }
  }

  /** Whether nothing (a stop, in particular) has replaced the start of `link` while it was awaited. */
  #isStarting(link: WorkerLink): boolean {
    return this.#state.type === "restarting" && this.#state.link === link;
  }

  async #shutDown(withinMs: number): Promise<void> {
    const state = this.#state;
    this.#state = { type: "stopped" };
    if (state.type === "restarting") state.timer.cancel();
    if (state.type === "stopped" || state.link === undefined) return;
    const { link } = state;
    const expiry = new AbortController();
    const expired = sleep(this.#parts.clock, withinMs, expiry.signal);
    this.#flush(link);
    link.post({ type: "close" });
    await Promise.race([link.ended, expired]);
    this.#watch.stop();
    this.#pending.failAll("The database was stopped before it answered");
    expiry.abort();
    void link.terminate();
  }
}
