import type { Clock, Timer } from "../kernel/clock.ts";
import { silentHeartbeatsMax } from "./session-limits.ts";

/** What a heartbeat causes. */
export interface LivenessOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** The node itself does not read now, so silence is no sign of death. */
  readonly excused: () => boolean;
  /** Called every interval with the number of the ping, from 1. */
  readonly onBeat: (ping: bigint) => void;
  /** Called when the device sent nothing for three intervals. */
  readonly onSilent: () => void;
}

/** The heartbeat of one session, and how long its device has been silent. */
export class Liveness {
  readonly #options: LivenessOptions;
  #timer: Timer;
  #heardMs: number;
  #beats = 0n;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
    this.#timer = this.#schedule();
  }

  /** The device gave a sign of life. */
  heard(): void {
    this.#heardMs = this.#options.clock.monotonicMs();
  }

  close(): void {
    this.#timer.cancel();
  }

  #schedule(): Timer {
    return this.#options.clock.after(this.#options.intervalMs, () => this.#beat());
  }

  #beat(): void {
    const { clock, intervalMs, excused, onBeat, onSilent } = this.#options;
    if (excused()) this.heard();
    if (clock.monotonicMs() - this.#heardMs >= silentHeartbeatsMax * intervalMs) {
      onSilent();
      return;
    }
    this.#beats += 1n;
    this.#timer = this.#schedule();
    onBeat(this.#beats);
  }
}
