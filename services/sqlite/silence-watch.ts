import type { Clock, Timer } from "../kernel/clock.ts";

/** Calls `onSilent` once when something is owed and nothing was heard for `afterMs`. */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #onSilent: () => void;
  #heardMs = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, afterMs: number, onSilent: () => void) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#onSilent = onSilent;
  }

  /** An answer is owed from now on; does nothing when one is owed already. */
  expect(): void {
    if (this.#timer !== undefined) return;
    this.#heardMs = this.#clock.monotonicMs();
    this.#wait(this.#afterMs);
  }

  /** Something arrived; `owed` says whether more is to come. */
  heard(owed: boolean): void {
    this.#heardMs = this.#clock.monotonicMs();
    if (!owed) this.stop();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      // After a pause of this whole process the timer comes before the messages that arrived
      // meanwhile: let one turn of the loop read them before judging.
      this.#timer = this.#clock.nextTurn(() => this.#judge());
    });
  }

  #judge(): void {
    const silentMs = this.#clock.monotonicMs() - this.#heardMs;
    if (silentMs < this.#afterMs) return this.#wait(this.#afterMs - silentMs);
    this.#timer = undefined;
    this.#onSilent();
  }
}
