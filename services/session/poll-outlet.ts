import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { EncodedFrame } from "./frame-writer.ts";
import type { Outlet } from "./outlet.ts";
import { pollFillBytes, pollLingerMs } from "./session-limits.ts";

interface WaitingPoll {
  readonly resolve: (frames: readonly EncodedFrame[]) => void;
  readonly reject: (fault: Fault) => void;
  readonly timer: Timer;
}

/**
 * The outlet of a session that is polled. It takes frames only while a Poll waits, so that between two of
 * them nothing piles up, and answers the Poll in the turn in which there was something to say.
 */
export class PollOutlet implements Outlet {
  readonly lingerMs = pollLingerMs;
  readonly #clock: Clock;
  #waiting: WaitingPoll | undefined;
  #frames: EncodedFrame[] = [];
  #bytes = 0;
  #notify = (): void => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get ready(): boolean {
    return this.#waiting !== undefined && this.#bytes < pollFillBytes;
  }

  get unflushedBytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#frames.length === 0;
  }

  onReady(callback: () => void): void {
    this.#notify = callback;
  }

  write(frame: EncodedFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.bytes;
  }

  flush(): void {
    if (this.#frames.length > 0) this.#answer();
  }

  /**
   * Waits up to `waitMs` for frames; none when nothing happened, or when `signal` aborts. Overtakes a Poll
   * that waits, which rejects with POLL_SUPERSEDED.
   */
  poll(waitMs: number, signal: AbortSignal): Promise<readonly EncodedFrame[]> {
    this.#waiting?.timer.cancel();
    this.#waiting?.reject(new Fault(ErrorReason.POLL_SUPERSEDED, "A newer Poll of this session took over"));
    this.#waiting = undefined;
    if (signal.aborted) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(waitMs, () => this.#answer());
      const waiting: WaitingPoll = { resolve, reject, timer };
      this.#waiting = waiting;
      const leave = (): void => {
        if (this.#waiting === waiting) this.#leave(waiting);
      };
      signal.addEventListener("abort", leave, { once: true });
      if (this.#frames.length > 0) this.#answer();
      else this.#notify();
    });
  }

  #answer(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    this.#waiting = undefined;
    waiting.timer.cancel();
    waiting.resolve(frames);
    this.#notify();
  }

  #leave(waiting: WaitingPoll): void {
    this.#waiting = undefined;
    waiting.timer.cancel();
    waiting.resolve([]);
  }
}
