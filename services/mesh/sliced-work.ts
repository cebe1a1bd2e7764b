import type { Clock, Timer } from "../kernel/clock.ts";

/** How long a slice lasts, in milliseconds, before the rest waits for the next turn of the event loop. */
export const sliceMs = 4;

/** Steps between two looks at the clock. */
const stepsPerLook = 64;

/**
 * A walk over something large, a step at a time, in slices that leave the event loop to others. What changes during the
 * walk and may have been passed already is looked at by another walk.
 */
export class SlicedWork {
  readonly #clock: Clock;
  readonly #begin: () => Iterator<unknown>;
  #walk: Iterator<unknown> | undefined;
  #again = false;
  #turn: Timer | undefined;
  #stopped = false;

  /** `begin` starts a walk; each `next` of it is one small step that must not throw. */
  constructor(clock: Clock, begin: () => Iterator<unknown>) {
    this.#clock = clock;
    this.#begin = begin;
  }

  /** A whole walk will have been made from here on. The first slice is in the next turn. */
  request(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#turn ??= this.#clock.nextTurn(() => this.#slice());
  }

  stop(): void {
    this.#stopped = true;
    this.#turn?.cancel();
  }

  #slice(): void {
    this.#turn = undefined;
    if (this.#walk === undefined) {
      this.#again = false;
      this.#walk = this.#begin();
    }
    const endMs = this.#clock.monotonicMs() + sliceMs;
    do {
      if (this.#walkOn(this.#walk)) {
        this.#walk = undefined;
        break;
      }
    } while (this.#clock.monotonicMs() < endMs);
    if (this.#walk !== undefined || this.#again) this.#turn ??= this.#clock.nextTurn(() => this.#slice());
  }

  /** True at the end of the walk. */
  #walkOn(walk: Iterator<unknown>): boolean {
    for (let step = 0; step < stepsPerLook; step += 1) {
      if (walk.next().done === true) return true;
    }
    return false;
  }
}
