import { toBinary } from "@bufbuild/protobuf";
import { type SendResult, SendResultSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { controlFrame, type EncodedFrame, type FrameControl, listFrames } from "./frame-writer.ts";
import { signalsPendingMax } from "./session-limits.ts";

/** What waits, beside events, for the next turn in which a device takes frames. */
export class Outbox {
  #controls: FrameControl[] = [];
  #ping: bigint | undefined;
  #results: Uint8Array[] = [];
  readonly #signals = new Map<string, Uint8Array>();

  /** Answers that wait; the session stops reading before they grow. */
  get owed(): number {
    return this.#controls.length + this.#results.length;
  }

  /** An answer, or another control that must arrive. */
  control(control: FrameControl): void {
    this.#controls.push(control);
  }

  /** The node's ping; it replaces one that still waits. */
  ping(number: bigint): void {
    this.#ping = number;
  }

  result(result: SendResult): void {
    this.#results.push(toBinary(SendResultSchema, result));
  }

  /** Keeps the newest signal of each key. One with a new key is dropped when too many wait. */
  signal(signal: Uint8Array, key: string): void {
    if (this.#signals.size >= signalsPendingMax && !this.#signals.has(key)) return;
    this.#signals.set(key, signal);
  }

  /** Empties the box into frames. */
  take(): EncodedFrame[] {
    const frames = this.#controls.map(controlFrame);
    frames.push(...listFrames(this.#results, [...this.#signals.values()]));
    if (this.#ping !== undefined) frames.push(controlFrame({ case: "ping", value: this.#ping }));
    this.#controls = [];
    this.#results = [];
    this.#ping = undefined;
    this.#signals.clear();
    return frames;
  }
}
