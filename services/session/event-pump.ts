import type { Clock } from "../kernel/clock.ts";
import type { AckOutcome, DeliveryWindow } from "./delivery-window.ts";
import type { DeviceFeed, ReadyEvent, UnsettledEvent } from "./feed.ts";
import { eventsFrame, fitsEventsFrame } from "./frame-writer.ts";
import type { Outlet } from "./outlet.ts";
import type { DeliveryTrace, TracedDevice } from "./ports.ts";
import { sliceMsMax } from "./session-limits.ts";
import type { SessionMetrics } from "./session-metrics.ts";

/** What a pump works with. */
export interface PumpParts {
  readonly clock: Clock;
  readonly feed: DeviceFeed;
  readonly window: DeliveryWindow;
  readonly outlet: Outlet;
  readonly metrics: SessionMetrics;
  readonly device: TracedDevice;
  readonly trace: Pick<DeliveryTrace, "pushed" | "acknowledged">;
}

/** Why a pump stopped: nothing to do until somebody wakes it, or only to let the loop turn. */
export type PumpOutcome = "idle" | "slice";

/** Moves events from a device's feed into its connection while window and connection have room, until they are settled. */
export class EventPump {
  readonly #parts: PumpParts;
  // Taken from the feed, which cannot take it back, but without room in the window.
  #held: ReadyEvent | undefined;

  constructor(parts: PumpParts) {
    this.#parts = parts;
  }

  /** Everything that the feed had when it was last asked has been written. */
  get caughtUp(): boolean {
    return this.#held === undefined && this.#parts.feed.caughtUp;
  }

  /** Writes what fits, at most 4 ms long. The caller flushes. */
  run(): PumpOutcome {
    const { clock, outlet, metrics } = this.#parts;
    const endMs = clock.monotonicMs() + sliceMsMax;
    metrics.slices.add();
    while (outlet.ready) {
      if (!this.#writeFrame()) return "idle";
      if (clock.monotonicMs() >= endMs) return "slice";
    }
    return "idle";
  }

  /** Settles what was written under this id and those before it. */
  acknowledge(id: bigint): AckOutcome {
    const { clock, window, device, trace } = this.#parts;
    const wallMs = clock.wallMs();
    return window.acknowledge(id, clock.monotonicMs(), (event) => {
      if (event.kind === "entry") trace.acknowledged(device, event, wallMs);
    });
  }

  /** Lets the feed hand out everything unsettled again; ids that were given keep their meaning. */
  rewind(): void {
    this.#handBack(this.#parts.window.rewind());
  }

  /** The same, but the ids that were given mean nothing any more. */
  takeBack(): void {
    this.#handBack(this.#parts.window.takeBack());
  }

  #handBack(unsettled: UnsettledEvent[]): void {
    const { feed, metrics } = this.#parts;
    metrics.retransmissions.add(unsettled.length);
    // What is held came after them, so it has to come after them again.
    if (this.#held !== undefined) unsettled.push(this.#held);
    this.#held = undefined;
    if (unsettled.length > 0) feed.rewind(unsettled);
  }

  #writeFrame(): boolean {
    const { clock, window, outlet, metrics, device, trace } = this.#parts;
    const nowMs = clock.monotonicMs();
    const first = this.#next();
    if (first === undefined) return false;
    const wallMs = clock.wallMs();
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const firstId = window.lastId + 1n;
    for (let event: ReadyEvent | undefined = first; event !== undefined; event = this.#next()) {
      if (event.redelivered !== first.redelivered || !fitsEventsFrame(bytes, event.bytes.byteLength)) {
        this.#held = event;
        break;
      }
      window.deliver(event, event.bytes.byteLength, nowMs);
      if (event.kind === "entry") trace.pushed(device, event, wallMs);
      parts.push(event.bytes);
      bytes += event.bytes.byteLength;
    }
    const frame = eventsFrame(parts, firstId, first.redelivered);
    outlet.write(frame);
    metrics.frames.add();
    metrics.bytes.add(frame.bytes);
    metrics.events.add(parts.length);
    return true;
  }

  /** The next event, if the window has room for it; else it is held. */
  #next(): ReadyEvent | undefined {
    const { feed, window } = this.#parts;
    const event = this.#held ?? feed.next();
    if (event === undefined) return undefined;
    const fits = window.fits(event, event.bytes.byteLength);
    this.#held = fits ? undefined : event;
    return fits ? event : undefined;
  }
}
