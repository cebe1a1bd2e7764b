import { type AttachedDevices, attachAll } from "../device/attach-all.ts";
import { numberOfClientId, SendTemplate } from "../device/client-frames.ts";
import { walkFields } from "../device/wire-fields.ts";
import { answerTasks } from "../processes/child.ts";
import { type Latency, latencyOf } from "../statistics.ts";

/** One who sends: an account's token and its own direct conversation. */
export interface Sender {
  readonly accessToken: string;
  readonly conversationId: string;
}

/** What a run of sends came to. */
export interface SendFigures {
  readonly acks: number;
  /** From the first send to the last ack. */
  readonly seconds: number;
  readonly latency: Latency;
  /** Answers that were not `committed`; a good run has none. */
  readonly failed: number;
  /** The longest time for which the generator itself did not look, in ms: what is near it is no fault of the node. */
  readonly blindMs: number;
  /** Mean bytes of the frames with one's own entries, per entry. */
  readonly entryBytes: number;
}

/** The load generator, a process of its own. */
export interface SendLoadTasks {
  attach(argument: {
    server: string;
    senders: readonly Sender[];
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

/** Milliseconds that answers may take after the last send. */
const answerMsMax = 10_000;

class SendLoad {
  readonly #templates: SendTemplate[] = [];
  readonly #starts = new Map<number, number>();
  #attached: AttachedDevices | undefined;
  #nextNumber = 1;
  #latencies: number[] = [];
  #failed = 0;
  #blindMs = 0;
  #events = 0;
  #eventBytes = 0;
  #onAck: (stream: number) => void = () => undefined;

  async attach({ server, senders, textBytes, run }: Parameters<SendLoadTasks["attach"]>[0]): Promise<void> {
    const text = "x".repeat(textBytes);
    for (const { conversationId } of senders)
      this.#templates.push(new SendTemplate(conversationId, text, run));
    this.#attached = await attachAll(
      server,
      senders.map(({ accessToken }) => accessToken),
      (index) => ({
        onResult: (bytes, start, end) => this.#takeResult(index, bytes, { start, end }),
        onEvents: (count, bytes) => {
          this.#events += count;
          this.#eventBytes += bytes;
        },
      }),
    );
  }

  async closedLoop({ seconds, inFlight }: Parameters<SendLoadTasks["closedLoop"]>[0]): Promise<SendFigures> {
    const startMs = this.#begin();
    const endMs = startMs + seconds * 1_000;
    this.#onAck = (stream) => {
      const nowMs = performance.now();
      if (nowMs < endMs) this.#send(stream, nowMs);
    };
    for (const [stream, device] of this.#devices.entries()) {
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

  get #devices(): AttachedDevices["devices"] {
    return this.#attached?.devices ?? [];
  }

  #begin(): number {
    this.#latencies = [];
    this.#failed = 0;
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
    return {
      acks: this.#latencies.length,
      seconds: (endMs - startMs) / 1_000,
      latency: latencyOf(this.#latencies),
      failed: this.#failed,
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
    const stream = index % this.#devices.length;
    this.#send(stream, dueMs);
    this.#devices[stream]?.flush();
  }

  #send(stream: number, startMs: number): void {
    const number = this.#nextNumber;
    this.#nextNumber += 1;
    this.#starts.set(number, startMs);
    const frame = this.#templates[stream]?.frame(number);
    if (frame !== undefined) this.#devices[stream]?.queue(frame);
  }

  #takeResult(stream: number, bytes: Buffer, bounds: { readonly start: number; readonly end: number }): void {
    walkFields(bytes, bounds, (field, _, end) => {
      if (field === resultFields.failed) this.#failed += 1;
      if (field !== resultFields.clientMessageId) return;
      const number = numberOfClientId(bytes, end);
      const startMs = this.#starts.get(number);
      if (startMs === undefined) return;
      this.#starts.delete(number);
      this.#latencies.push(performance.now() - startMs);
    });
    this.#onAck(stream);
  }
}

const load = new SendLoad();
answerTasks<SendLoadTasks>({
  attach: (argument) => load.attach(argument),
  closedLoop: (argument) => load.closedLoop(argument),
  openLoop: (argument) => load.openLoop(argument),
});
