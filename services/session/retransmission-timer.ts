import type { Clock, Timer } from "../kernel/clock.ts";
import type { DeliveryWindow } from "./delivery-window.ts";
import type { Outlet } from "./outlet.ts";

/** What ends a wait for an acknowledgement. */
export interface RetransmissionOptions {
  readonly clock: Clock;
  readonly window: DeliveryWindow;
  readonly outlet: Outlet;
  /** Send everything unsettled again. */
  readonly onRound: () => void;
  /** The oldest event was sent five times in vain. */
  readonly onExhausted: () => void;
}

/** Runs the window's wait. It is not moved with every ack: when it ends early, it only looks and goes on. */
export class RetransmissionTimer {
  readonly #options: RetransmissionOptions;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: RetransmissionOptions) {
    this.#options = options;
  }

  /** Starts the wait if something is unsettled and none runs. */
  watch(): void {
    const { clock, window } = this.#options;
    const { dueMs } = window;
    if (dueMs === undefined || this.#timer !== undefined || this.#closed) return;
    this.#timer = clock.after(Math.max(dueMs - clock.monotonicMs(), 0), () => {
      this.#timer = undefined;
      this.#look();
      this.watch();
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    const { clock, window, outlet, onRound, onExhausted } = this.#options;
    const nowMs = clock.monotonicMs();
    const { dueMs } = window;
    if (dueMs === undefined || nowMs < dueMs) return;
    // Bytes that still stand in the connection cannot have been answered; the stream is never rewound for them.
    if (outlet.unflushedBytes > 0) window.postpone(nowMs);
    else if (window.endRound(nowMs) === "exhausted") onExhausted();
    else onRound();
  }
}
