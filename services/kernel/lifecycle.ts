import { type Clock, sleep } from "./clock.ts";
import type { Logger } from "./logger.ts";
import { thrownError } from "./thrown-error.ts";

/** A named part of a node. All verbs are optional; each is called at most once. */
export interface LifecyclePart {
  readonly name: string;
  /** Makes it work; resolves when it does. `signal` aborts when the start is given up. */
  start?(signal: AbortSignal): Promise<void> | void;
  /** Finishes what is under way and takes nothing new. `signal` aborts at the deadline or when stop is called. */
  drain?(signal: AbortSignal): Promise<void> | void;
  /** Gives everything back: sockets, files, timers. */
  stop?(): Promise<void> | void;
}

/** How long a step of one part may take, in milliseconds, before the next part has its turn. */
export interface LifecycleDeadlines {
  readonly startMs: number;
  readonly drainMs: number;
  readonly stopMs: number;
}

/** A part that failed or was late on its way down. */
export interface LifecycleFailure {
  readonly part: string;
  readonly step: "drain" | "stop";
  readonly error: unknown;
}

export type LifecycleState = "idle" | "starting" | "running" | "draining" | "stopping" | "stopped";

/** What a lifecycle works with. */
export interface LifecycleOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In the order of start; each may rely on those before it. */
  readonly parts: readonly LifecyclePart[];
  readonly deadlines: LifecycleDeadlines;
}

/**
 * Starts parts in order; drains and stops those that had started in the reverse order. On the way down a
 * failure or a missed deadline is logged and collected, and the rest goes on: nothing keeps a node from
 * stopping.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #started: LifecyclePart[] = [];
  readonly #failures: LifecycleFailure[] = [];
  readonly #cancelStart = new AbortController();
  readonly #cancelDrain = new AbortController();
  #state: LifecycleState = "idle";
  #starting: Promise<void> | undefined;
  #draining: Promise<void> | undefined;
  #stopping: Promise<readonly LifecycleFailure[]> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /** Starts all parts. When one fails, or is later than its deadline, stops those before it and rejects. */
  start(): Promise<void> {
    if (this.#state !== "idle") throw new Error(`cannot start what is ${this.#state}`);
    this.#state = "starting";
    this.#starting = this.#startAll();
    return this.#starting;
  }

  /** Drains the parts that run, the last one first. Resolves when all have, or `stop` cut it short. */
  drain(): Promise<void> {
    if (this.#state !== "running") return this.#draining ?? Promise.resolve();
    this.#state = "draining";
    this.#draining = this.#drainAll();
    return this.#draining;
  }

  /**
   * Gives up a start or a drain that is under way, then stops the parts, the last one first. Never rejects:
   * it resolves with everything that failed since the drain began.
   */
  stop(): Promise<readonly LifecycleFailure[]> {
    this.#stopping ??= this.#stopOnce();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #startAll(): Promise<void> {
    const { signal } = this.#cancelStart;
    for (const part of this.#options.parts) {
      try {
        signal.throwIfAborted();
        // Counted before it has started: a part that fails half-way has things to give back too.
        this.#started.push(part);
        await this.#bounded(this.#options.deadlines.startMs, this.#cancelStart, () => part.start?.(signal));
      } catch (error) {
        await this.#stopAll();
        throw new Error(`${part.name} did not start`, { cause: error });
      }
    }
    this.#state = "running";
  }

  async #drainAll(): Promise<void> {
    for (const part of this.#started.toReversed()) {
      if (this.#cancelDrain.signal.aborted) return;
      const deadline = new AbortController();
      const signal = AbortSignal.any([this.#cancelDrain.signal, deadline.signal]);
      await this.#collect(
        part,
        "drain",
        this.#bounded(this.#options.deadlines.drainMs, deadline, () => part.drain?.(signal)),
      );
    }
  }

  async #stopOnce(): Promise<readonly LifecycleFailure[]> {
    this.#cancelStart.abort(new Error("stop was called"));
    this.#cancelDrain.abort(new Error("stop was called"));
    // Whoever called start hears of its failure; here it only has to be over.
    await this.#starting?.catch(() => undefined);
    await this.#draining;
    await this.#stopAll();
    return this.#failures;
  }

  async #stopAll(): Promise<void> {
    this.#state = "stopping";
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      const stopping = part;
      const late = new AbortController();
      await this.#collect(
        stopping,
        "stop",
        this.#bounded(this.#options.deadlines.stopMs, late, () => stopping.stop?.()),
      );
    }
    this.#state = "stopped";
  }

  async #collect(part: LifecyclePart, step: LifecycleFailure["step"], work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failures.push({ part: part.name, step, error });
      const cause = thrownError(error);
      this.#options.logger.warn(`${part.name} failed to ${step}`, { part: part.name, cause });
    }
  }

  /** Runs one step; after `deadlineMs` aborts `late` and rejects without waiting any longer. */
  async #bounded(deadlineMs: number, late: AbortController, step: () => Promise<void> | void): Promise<void> {
    const over = new AbortController();
    const deadline = sleep(this.#options.clock, deadlineMs, over.signal).then(() => {
      if (over.signal.aborted) return;
      const error = new Error(`took longer than ${deadlineMs} ms`);
      late.abort(error);
      throw error;
    });
    try {
      await Promise.race([invoke(step), deadline]);
    } finally {
      over.abort();
    }
  }
}

/** So that a step which throws at once fails like one that rejects. */
async function invoke(step: () => Promise<void> | void): Promise<void> {
  await step();
}
