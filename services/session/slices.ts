import type { Clock, Timer } from "../kernel/clock.ts";

/** Work that is done in small steps, so that it can pause between any two. */
export interface SlicedWork {
  /** Does one small step; false when there was nothing left to do. */
  step(): boolean;
}

/** What slices need. */
export interface SlicesOptions {
  readonly clock: Clock;
  /** A slice ends after this; what is left waits for the next turn of the loop. */
  readonly sliceMs: number;
  /** Gets what a step throws; the work goes on with its next step. */
  readonly onError: (error: unknown) => void;
}

/**
 * Runs work in slices of the event loop. What does not end within a slice goes behind the other work, so that one
 * large topic delays neither small ones nor what else the loop has to do.
 */
export class Slices {
  readonly #options: SlicesOptions;
  // A Set is a queue in which nothing stands twice.
  readonly #queue = new Set<SlicedWork>();
  #turn: Timer | undefined;
  #stopped = false;

  constructor(options: SlicesOptions) {
    this.#options = options;
  }

  /** Works that have steps to do. */
  get size(): number {
    return this.#queue.size;
  }

  /** Begins the work in the next turn of the loop; does nothing when it waits already. */
  add(work: SlicedWork): void {
    if (this.#stopped) return;
    this.#queue.add(work);
    this.#turn ??= this.#options.clock.nextTurn(() => this.#run());
  }

  /** Forgets all work, for good. */
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
    this.#turn?.cancel();
    this.#turn = undefined;
  }

  #run(): void {
    this.#turn = undefined;
    const endMs = this.#options.clock.monotonicMs() + this.#options.sliceMs;
    for (const work of this.#queue) {
      // Taken out before its steps, so that a work which gets more to do meanwhile can come back.
      this.#queue.delete(work);
      if (!this.#finish(work, endMs)) this.#queue.add(work);
      if (this.#options.clock.monotonicMs() >= endMs) break;
    }
    if (this.#queue.size > 0) this.#turn ??= this.#options.clock.nextTurn(() => this.#run());
  }

  /** Steps until the work or the slice ends; says whether the work did. */
  #finish(work: SlicedWork, endMs: number): boolean {
    while (this.#step(work)) {
      if (this.#options.clock.monotonicMs() >= endMs) return false;
    }
    return true;
  }

  #step(work: SlicedWork): boolean {
    try {
      return work.step();
    } catch (error) {
      this.#options.onError(error);
      return true;
    }
  }
}
