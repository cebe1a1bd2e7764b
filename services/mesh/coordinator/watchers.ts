import type { Clock, Timer } from "../../kernel/clock.ts";

/** Who is told that a list of nodes may have changed: in the next turn, and once for all changes until then. */
export class Watchers {
  readonly #clock: Clock;
  readonly #watchers = new Set<{ readonly onHint: () => void }>();
  #turn: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** Adds one until the function that it returns is called. */
  add(onHint: () => void): () => void {
    const watcher = { onHint };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  hint(): void {
    if (this.#watchers.size === 0) return;
    this.#turn ??= this.#clock.nextTurn(() => {
      this.#turn = undefined;
      for (const { onHint } of Array.from(this.#watchers)) onHint();
    });
  }

  clear(): void {
    this.#watchers.clear();
    this.#turn?.cancel();
    this.#turn = undefined;
  }
}
