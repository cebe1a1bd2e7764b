import type { Timer } from "../../kernel/clock.ts";
import type { SeededRng } from "../seeded-rng.ts";
import { EventHeap, type HeapEvent } from "./event-heap.ts";
import { SimTrace } from "./sim-trace.ts";

/** Events within one millisecond of virtual time, before it is called an endless loop. */
export const eventsPerMsMax = 100_000;

/** Events for which one turn of the real loop is asked at once; see `#turnOver`. */
const eventsPerRealTurn = 64;

/** Cancelled events that the heap may hold before it is cleaned. */
const cancelledMax = 4_096;

interface SimEvent extends HeapEvent {
  readonly label: string;
  callback: (() => void) | undefined;
}

/**
 * The one order of everything that happens in a simulation. Events run by virtual time; those of one moment in an order
 * drawn from the seed, since nothing may rest on the order in which they were asked for. Between two events all
 * microtasks run out, however long their chain is.
 */
export class SimScheduler {
  readonly trace = new SimTrace();
  readonly #rng: SeededRng;
  readonly #heap = new EventHeap<SimEvent>();
  #nowMs = 0;
  #serial = 0;
  #cancelled = 0;
  #executed = 0;
  #msStarted = 0;
  #inThisMs = 0;
  #isRunning = false;

  constructor(rng: SeededRng) {
    this.#rng = rng;
  }

  /** Virtual milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that ran. */
  get executed(): number {
    return this.#executed;
  }

  /** Events that are still to come. */
  get pending(): number {
    return this.#heap.size - this.#cancelled;
  }

  /** Runs `callback` in `delayMs` of virtual time. `label` goes into the trace, so it must be the same in every run. */
  after(delayMs: number, label: string, callback: () => void): Timer {
    const event: SimEvent = {
      timeMs: this.#nowMs + Math.max(delayMs, 0),
      tie: this.#rng.integerBelow(2 ** 32),
      serial: (this.#serial += 1),
      label,
      callback,
    };
    this.#heap.push(event);
    return { cancel: () => this.#cancel(event) };
  }

  /** Puts a line into the trace: something that is no event, such as a choice or an outcome. */
  note(label: string): void {
    this.trace.note(this.#nowMs, label);
  }

  /** Runs everything that is due until `untilMs`, which is then now. Rejects with what an event throws. */
  async run(untilMs: number): Promise<void> {
    await this.#runWhile(untilMs, () => true);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Runs until `condition` holds, at most until `untilMs`. Answers whether it held. */
  async runUntil(condition: () => boolean, untilMs: number): Promise<boolean> {
    let holds = false;
    await this.#runWhile(untilMs, () => !(holds = condition()));
    if (!holds) this.#nowMs = Math.max(this.#nowMs, untilMs);
    return holds;
  }

  /**
   * Node runs all microtasks between any two callbacks of `setImmediate`, also between those of one turn of its loop. So
   * many are asked for at once, which costs a tenth of a turn for each event.
   */
  #runWhile(untilMs: number, goOn: () => boolean): Promise<void> {
    if (this.#isRunning) throw new Error("the simulation is running already");
    this.#isRunning = true;
    return new Promise((resolve, reject) => {
      let left = 0;
      let isOver = false;
      const end = (settle: () => void): void => {
        isOver = true;
        this.#isRunning = false;
        settle();
      };
      const ask = (): void => {
        left = eventsPerRealTurn;
        for (let index = 0; index < eventsPerRealTurn; index += 1) setImmediate(step);
      };
      const step = (): void => {
        left -= 1;
        if (isOver) return;
        try {
          if (!goOn() || !this.#runNext(untilMs)) end(resolve);
        } catch (error) {
          end(() => reject(error));
        }
        if (left === 0 && !isOver) ask();
      };
      ask();
    });
  }

  /** Runs the earliest event; false when none is due. */
  #runNext(untilMs: number): boolean {
    for (let event = this.#heap.peek(); event !== undefined; event = this.#heap.peek()) {
      if (event.callback === undefined) {
        this.#heap.pop();
        this.#cancelled -= 1;
        continue;
      }
      if (event.timeMs > untilMs) return false;
      this.#heap.pop();
      this.#nowMs = event.timeMs;
      this.#assertProgress(event.label);
      this.trace.note(event.timeMs, event.label);
      this.#executed += 1;
      const { callback } = event;
      event.callback = undefined;
      callback();
      return true;
    }
    return false;
  }

  #assertProgress(label: string): void {
    if (this.#nowMs - this.#msStarted >= 1) {
      this.#msStarted = this.#nowMs;
      this.#inThisMs = 0;
    }
    this.#inThisMs += 1;
    if (this.#inThisMs <= eventsPerMsMax) return;
    throw new Error(
      `${eventsPerMsMax} events ran within a millisecond at ${this.#nowMs} ms, the last one "${label}"`,
    );
  }

  #cancel(event: SimEvent): void {
    if (event.callback === undefined) return;
    event.callback = undefined;
    this.#cancelled += 1;
    if (this.#cancelled < cancelledMax || this.#cancelled * 2 < this.#heap.size) return;
    this.#heap.retain(({ callback }) => callback !== undefined);
    this.#cancelled = 0;
  }
}
