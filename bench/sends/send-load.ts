import { type AttachedDevices, attachAll } from "../device/attach-all.ts";
import { numberOfClientId, SendTemplate } from "../device/client-frames.ts";
import type { DeviceHandlers, DevicePlace } from "../device/device-stream.ts";
import { walkFields } from "../device/wire-fields.ts";
import { answerTasks } from "../processes/child.ts";
import { type Latency, latencyOf } from "../statistics.ts";
import { SendLane } from "./send-lane.ts";

/** One who sends: where its device attaches, and its own direct conversation. */
export interface Sender extends DevicePlace {
  readonly conversationId: string;
}

/** What a run of sends came to. */
export interface SendFigures {
  readonly acks: number;
  /** From the first send to the last ack. */
  readonly seconds: number;
  readonly latency: Latency;
  /** Sends that were refused for now, or had an unknown outcome, and were made again; a good run has none. */
  readonly repeated: number;
  /** The longest time for which the generator itself did not look, in ms: what is near it is no fault of the node. */
  readonly blindMs: number;
  /** Mean bytes of the frames with one's own entries, per entry. */
  readonly entryBytes: number;
}

/** The load generator, a process of its own. */
export interface SendLoadTasks {
  /** Each sender's conversation has another member; their devices are the receivers: one for each sender, or none. */
  attach(argument: {
    senders: readonly Sender[];
    receivers: readonly DevicePlace[];
    textBytes: number;
    run: string;
  }): Promise<void>;
  /** Each stream keeps `inFlight` sends unanswered. Latency is counted from the write. */
  closedLoop(argument: { seconds: number; inFlight: number }): Promise<SendFigures>;
  /**
   * Sends start at a fixed rate, whatever the answers do. Latency is counted from the time at which a send was due, so
   * that a stall counts for every send that it delayed.
   */
  openLoop(argument: { seconds: number; perSecond: number }): Promise<SendFigures>;
}

const resultFields = { clientMessageId: 1, failed: 3 } as const;

/** Milliseconds that answers, and then deliveries, may take after the last send. */
const answerMsMax = 20_000;

/** Milliseconds until what failed is sent again. */
const repeatDelayMs = 500;

class SendLoad {
  /** By stream: for a send's first time and for its repetitions. */
  readonly #templates: { readonly first: SendTemplate; readonly again: SendTemplate }[] = [];
  #lanes: SendLane[] = [];
  readonly #starts = new Map<number, number>();
  #senders: AttachedDevices["devices"] = [];
  /** Devices that get each entry: its sender's, and its receiver's. */
  #copies = 1;
  #nextNumber = 1;
  #latencies: number[] = [];
  #repeated = 0;
  #blindMs = 0;
  #events = 0;
  #eventBytes = 0;
  #onAck: (stream: number) => void = () => undefined;

  async attach(argument: Parameters<SendLoadTasks["attach"]>[0]): Promise<void> {
    const { senders, receivers, textBytes, run } = argument;
    const text = "x".repeat(textBytes);
    for (const { conversationId } of senders) {
      const first = new SendTemplate(conversationId, text, run);
      this.#templates.push({ first, again: new SendTemplate(conversationId, text, run, true) });
    }
    this.#lanes = senders.map(() => new SendLane());
    this.#copies = receivers.length > 0 ? 2 : 1;
    const { devices } = await attachAll([...senders, ...receivers], (index) => this.#handlersOf(index));
    this.#senders = devices.slice(0, senders.length);
  }

  async closedLoop({ seconds, inFlight }: Parameters<SendLoadTasks["closedLoop"]>[0]): Promise<SendFigures> {
    const startMs = this.#begin();
    const endMs = startMs + seconds * 1_000;
    this.#onAck = (stream) => {
      const nowMs = performance.now();
      if (nowMs < endMs) this.#send(stream, nowMs);
    };
    for (const [stream, device] of this.#senders.entries()) {
      for (let count = 0; count < inFlight; count += 1) this.#send(stream, performance.now());
      device.flush();
    }
    await this.#until(() => performance.now() >= endMs);
    return await this.#finish(startMs);
  }

  async openLoop({ seconds, perSecond }: Parameters<SendLoadTasks["openLoop"]>[0]): Promise<SendFigures> {
    const startMs = this.#begin();
    this.#onAck = () => undefined;
    const total = Math.floor(seconds * perSecond);
    let sent = 0;
    await this.#until(() => {
      const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1_000) * perSecond) + 1);
      for (; sent < due; sent += 1) this.#sendDue(sent, startMs + (sent / perSecond) * 1_000);
      return sent === total;
    });
    return await this.#finish(startMs);
  }

  #handlersOf(stream: number): DeviceHandlers {
    return {
      onResult: (bytes, start, end) => this.#takeResult(stream, bytes, { start, end }),
      onEvents: (count, bytes) => {
        this.#events += count;
        this.#eventBytes += bytes;
      },
    };
  }

  #begin(): number {
    this.#latencies = [];
    this.#repeated = 0;
    this.#blindMs = 0;
    this.#events = 0;
    this.#eventBytes = 0;
    return performance.now();
  }

  async #finish(startMs: number): Promise<SendFigures> {
    const deadlineMs = performance.now() + answerMsMax;
    await this.#until(() => this.#starts.size === 0 || performance.now() > deadlineMs);
    if (this.#starts.size > 0) throw new Error(`${this.#starts.size} sends were not answered`);
    const endMs = performance.now();
    const missing = (): number => this.#latencies.length * this.#copies - this.#events;
    await this.#until(() => missing() <= 0 || performance.now() > endMs + answerMsMax);
    if (missing() > 0) throw new Error(`${missing()} events did not come`);
    return {
      acks: this.#latencies.length,
      seconds: (endMs - startMs) / 1_000,
      latency: latencyOf(this.#latencies),
      repeated: this.#repeated,
      blindMs: this.#blindMs,
      entryBytes: this.#eventBytes / Math.max(1, this.#events),
    };
  }

  /** Looks about every millisecond whether something is so, and notes how long it could not. */
  async #until(condition: () => boolean): Promise<void> {
    let lookedMs = performance.now();
    while (!condition()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const nowMs = performance.now();
      this.#blindMs = Math.max(this.#blindMs, nowMs - lookedMs);
      lookedMs = nowMs;
    }
  }

  #sendDue(index: number, dueMs: number): void {
    const stream = index % this.#senders.length;
    this.#send(stream, dueMs);
    this.#senders[stream]?.flush();
  }

  #send(stream: number, startMs: number): void {
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    this.#starts.set(number, startMs);
    if (this.#lanes[stream]?.begin(number) === true) this.#queue(stream, "first", number);
  }

  #queue(stream: number, time: "first" | "again", number: number): void {
    const frame = this.#templates[stream]?.[time].frame(number);
    if (frame !== undefined) this.#senders[stream]?.queue(frame);
  }

  #takeResult(stream: number, bytes: Buffer, bounds: { readonly start: number; readonly end: number }): void {
    let number = 0;
    let failed = false;
    walkFields(bytes, bounds, (field, _, end) => {
      if (field === resultFields.failed) failed = true;
      if (field === resultFields.clientMessageId) number = numberOfClientId(bytes, end);
    });
    if (this.#lanes[stream]?.end(number, failed) === true)
      setTimeout(() => this.#repeat(stream), repeatDelayMs);
    if (failed) {
      this.#repeated += 1;
      return;
    }
    const startMs = this.#starts.get(number);
    if (startMs !== undefined) this.#latencies.push(performance.now() - startMs);
    this.#starts.delete(number);
    this.#onAck(stream);
  }

  #repeat(stream: number): void {
    for (const number of this.#lanes[stream]?.repeat() ?? []) this.#queue(stream, "again", number);
    this.#senders[stream]?.flush();
  }
}

const load = new SendLoad();
answerTasks<SendLoadTasks>({
  attach: (argument) => load.attach(argument),
  closedLoop: (argument) => load.closedLoop(argument),
  openLoop: (argument) => load.openLoop(argument),
});
