import type { Clock } from "../kernel/clock.ts";
import type { Ownership } from "./ownership.ts";
import { SlicedWork } from "./sliced-work.ts";

/** So many topics are counted at once, in less than a millisecond; more are counted in slices. */
export const topicsCountedAtOnceMax = 1_000;

/** What is counted. */
export interface OwnedTopicsOptions {
  readonly clock: Clock;
  readonly ownership: Pick<Ownership, "isFirst">;
  readonly local: TopicSet;
  readonly interest: TopicSet;
}

/** Topics that somebody wants. */
export interface TopicSet {
  readonly size: number;
  topics(): IterableIterator<string>;
  has(topic: string): boolean;
}

/** Counts the topics that somebody wants and of which this node is the first owner. */
export class OwnedTopics {
  readonly #options: OwnedTopicsOptions;
  readonly #recount: SlicedWork;
  #count = 0;

  constructor(options: OwnedTopicsOptions) {
    this.#options = options;
    this.#recount = new SlicedWork(options.clock, () => this.#walk());
  }

  /** The count. When there are many topics it is that of the question before, and asking begins a new one. */
  count(): number {
    const { local, interest } = this.#options;
    if (local.size + interest.size > topicsCountedAtOnceMax) this.#recount.request();
    else this.#walk().forEach(() => undefined);
    return this.#count;
  }

  stop(): void {
    this.#recount.stop();
  }

  *#walk(): Generator<void> {
    const { ownership, local, interest } = this.#options;
    let count = 0;
    for (const topic of local.topics()) {
      if (ownership.isFirst(topic)) count += 1;
      yield;
    }
    for (const topic of interest.topics()) {
      if (!local.has(topic) && ownership.isFirst(topic)) count += 1;
      yield;
    }
    this.#count = count;
  }
}
