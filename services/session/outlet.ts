import type { EncodedFrame } from "./frame-writer.ts";

/** The way from a session to its device: the connection of a stream, or what the next Poll returns. */
export interface Outlet {
  /** Queues a frame. Whatever is written is delivered in order, or the whole connection is lost. */
  write(frame: EncodedFrame): void;
  /** Hands what was queued over; the session calls it once per loop turn. */
  flush(): void;
  /** False while the device does not take more: the session then writes nothing but the last frame. */
  readonly ready: boolean;
  /** Bytes that were written and not taken by the device's connection. */
  readonly unflushedBytes: number;
  /** Sets what is called when `ready` becomes true again. */
  onReady(callback: () => void): void;
  /** How long, in milliseconds, the last frame may take to be handed over; 0 when the connection sees to it. */
  readonly lingerMs: number;
  /** The device has taken everything that was written. */
  readonly empty: boolean;
}
