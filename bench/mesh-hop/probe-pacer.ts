/** Lets one thing begin after the other, at least so far apart, counted from beginning to beginning. */
export class ProbePacer {
  readonly #intervalMs: number;
  #dueMs = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Resolves when the next one is due: at once, if it is late. */
  async next(): Promise<void> {
    const nowMs = performance.now();
    const dueMs = Math.max(nowMs, this.#dueMs);
    this.#dueMs = dueMs + this.#intervalMs;
    // A timer may fire up to a millisecond early.
    while (performance.now() < dueMs) await new Promise((resolve) => setTimeout(resolve, dueMs - nowMs));
  }
}
