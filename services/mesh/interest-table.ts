import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { Interest } from "./interest.ts";
import type { RouterMetrics } from "./router-metrics.ts";
import { SlicedWork } from "./sliced-work.ts";

/**
 * How long the interest of a node is kept that the list lacks, in milliseconds: one that was only late is back by then and
 * does not join again; one that is registered anew does.
 */
export const unlistedInterestMs = 30_000;

/** What a table works with. */
export interface InterestTableOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<RouterMetrics, "interestRefused">;
  /** See `topicsJoinedPerNodeMax`, which holds when it is unset. */
  readonly topicsPerNodeMax?: number | undefined;
}

/** The interest of other nodes in topics of this one, and when it ends. */
export class InterestTable {
  readonly #options: InterestTableOptions;
  readonly #interest: Interest;
  readonly #sweep: SlicedWork;
  readonly #unlisted = new Map<string, Timer>();
  #listed: ReadonlySet<string> = new Set();
  /** Nodes that have joined too much, so that each is logged once. */
  readonly #full = new Set<string>();

  constructor(options: InterestTableOptions) {
    this.#options = options;
    this.#interest = new Interest(options.topicsPerNodeMax);
    this.#sweep = new SlicedWork(options.clock, () => this.#interest.sweep());
  }

  get size(): number {
    return this.#interest.size;
  }

  topics(): IterableIterator<string> {
    return this.#interest.topics();
  }

  has(topic: string): boolean {
    return this.#interest.has(topic);
  }

  topicsOf(nodeId: string): ReadonlySet<string> {
    return this.#interest.topicsOf(nodeId);
  }

  /** The listed nodes that have joined the topic; to others there is no link. */
  nodesOf(topic: string): readonly string[] {
    return this.#interest.nodesOf(topic).filter((nodeId) => this.#listed.has(nodeId));
  }

  join(nodeId: string, topics: readonly string[]): void {
    for (const topic of topics) {
      if (!this.#interest.join(nodeId, topic)) this.#refuse(nodeId);
    }
  }

  leave(nodeId: string, topics: readonly string[]): void {
    for (const topic of topics) this.#interest.leave(nodeId, topic);
  }

  /** The node's link begins anew: what it had joined is void. */
  reset(nodeId: string): void {
    this.#cancelEnd(nodeId);
    this.#drop(nodeId);
  }

  /** The list has changed. */
  follow(listed: ReadonlySet<string>): void {
    this.#listed = listed;
    for (const nodeId of this.#unlisted.keys()) {
      if (listed.has(nodeId)) this.#cancelEnd(nodeId);
    }
    for (const nodeId of this.#interest.nodeIds()) {
      if (!listed.has(nodeId)) this.#endLater(nodeId);
    }
  }

  stop(): void {
    this.#sweep.stop();
    for (const nodeId of this.#unlisted.keys()) this.#cancelEnd(nodeId);
  }

  #endLater(nodeId: string): void {
    if (this.#unlisted.has(nodeId)) return;
    const timer = this.#options.clock.after(unlistedInterestMs, () => {
      this.#unlisted.delete(nodeId);
      this.#drop(nodeId);
    });
    this.#unlisted.set(nodeId, timer);
  }

  #cancelEnd(nodeId: string): void {
    this.#unlisted.get(nodeId)?.cancel();
    this.#unlisted.delete(nodeId);
  }

  #drop(nodeId: string): void {
    this.#full.delete(nodeId);
    this.#interest.drop(nodeId);
    this.#sweep.request();
  }

  #refuse(nodeId: string): void {
    this.#options.metrics.interestRefused();
    if (this.#full.has(nodeId)) return;
    this.#full.add(nodeId);
    this.#options.logger.warn("a node has joined too many topics: it hears of the rest by its store check", {
      nodeId,
    });
  }
}
