import { type AttachedDevices, attachAll } from "../device/attach-all.ts";
import { typingFrame } from "../device/client-frames.ts";
import type { DevicePlace } from "../device/device-stream.ts";
import { answerTasks } from "../processes/child.ts";
import { ProbePacer } from "./probe-pacer.ts";

/** The receivers of one kind: where they attach, and each one's conversations with all typists, in their order. */
export interface TypingTargets {
  readonly receivers: readonly (DevicePlace & { readonly conversationIds: readonly string[] })[];
}

/** Devices that type, and devices that see it; in a process of their own. */
export interface TypistTasks {
  attach(argument: {
    typists: readonly DevicePlace[];
    /** By kind: what is measured with one kind is compared with the others. */
    targets: readonly TypingTargets[];
  }): Promise<void>;
  /**
   * One signal after the other, to each kind in turn, at least so far apart; `count` of each kind. Answers by kind how long
   * each one took from the write to its arrival, in microseconds.
   */
  probe(argument: { count: number; intervalMs: number }): Promise<number[][]>;
  /**
   * All typists type to all receivers of a kind, once. Not twice in a row to one kind: a node would drop most of it. Signals
   * may also be lost when a node stands still for a while.
   */
  load(argument: { kind: number }): Promise<TypingLoad>;
}

/** A node passes on one signal a second per account and conversation; some more, so that few come too early for a node. */
const pairIntervalMs = 1_300;

/** Signals that a typist sends in one write: as many items as a frame between nodes holds. */
const burstSize = 64;

/** What a load of typing came to. */
export interface TypingLoad {
  readonly typed: number;
  readonly arrived: number;
}

/** Milliseconds that a signal may take. */
const arriveMsMax = 5_000;

/** Milliseconds without any arrival after which what is missing is taken for lost. */
const silenceMs = 500;

class Typists {
  #typists: AttachedDevices["devices"] = [];
  /** By kind, receiver and typist. */
  #frames: readonly (readonly (readonly Buffer[])[])[] = [];
  #arrived = 0;
  #onArrival: () => void = () => undefined;
  #turn = 0;

  async attach({ typists, targets }: Parameters<TypistTasks["attach"]>[0]): Promise<void> {
    this.#frames = targets.map(({ receivers }) =>
      receivers.map(({ conversationIds }) => conversationIds.map(typingFrame)),
    );
    const receivers = targets.flatMap((target) => target.receivers);
    const onTyping = (): void => {
      this.#arrived += 1;
      this.#onArrival();
    };
    const { devices } = await attachAll([...typists, ...receivers], (index) =>
      index < typists.length ? {} : { onTyping },
    );
    this.#typists = devices.slice(0, typists.length);
  }

  async probe({ count, intervalMs }: Parameters<TypistTasks["probe"]>[0]): Promise<number[][]> {
    const pairs = this.#typists.length * Math.min(...this.#frames.map((receivers) => receivers.length));
    const pacer = new ProbePacer(Math.max(intervalMs, pairIntervalMs / pairs / this.#frames.length));
    const tookUs: number[][] = this.#frames.map(() => []);
    for (let probe = 0; probe < count; probe += 1) {
      for (const [kind, values] of tookUs.entries()) {
        await pacer.next();
        values.push(await this.#probeOne(kind));
      }
      this.#turn += 1;
    }
    await pause(pairIntervalMs);
    return tookUs;
  }

  async load({ kind }: Parameters<TypistTasks["load"]>[0]): Promise<TypingLoad> {
    const receivers = this.#frames[kind]?.length ?? 0;
    const bursts = this.#typists.length * Math.ceil(receivers / burstSize);
    const pacer = new ProbePacer(pairIntervalMs / bursts);
    this.#arrived = 0;
    for (let start = 0; start < receivers; start += burstSize) {
      for (const typist of this.#typists.keys()) {
        await pacer.next();
        this.#typeBurst(kind, typist, { start, end: Math.min(receivers, start + burstSize) });
      }
    }
    const typed = this.#typists.length * receivers;
    for (let before = -1; this.#arrived < typed && this.#arrived > before; ) {
      before = this.#arrived;
      await pause(silenceMs);
    }
    return { typed, arrived: this.#arrived };
  }

  async #probeOne(kind: number): Promise<number> {
    const typist = this.#turn % this.#typists.length;
    const receivers = this.#frames[kind] ?? [];
    const receiver = Math.floor(this.#turn / this.#typists.length) % receivers.length;
    const arrival = Promise.withResolvers<number>();
    this.#onArrival = () => arrival.resolve(performance.now());
    const late = setTimeout(() => arrival.reject(new Error("a signal did not arrive")), arriveMsMax);
    const startMs = performance.now();
    this.#type(kind, typist, receiver);
    this.#typists[typist]?.flush();
    const endMs = await arrival.promise;
    clearTimeout(late);
    return (endMs - startMs) * 1_000;
  }

  #typeBurst(kind: number, typist: number, { start, end }: { start: number; end: number }): void {
    for (let receiver = start; receiver < end; receiver += 1) this.#type(kind, typist, receiver);
    this.#typists[typist]?.flush();
  }

  #type(kind: number, typist: number, receiver: number): void {
    const frame = this.#frames[kind]?.[receiver]?.[typist];
    if (frame !== undefined) this.#typists[typist]?.queue(frame);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const typists = new Typists();
answerTasks<TypistTasks>({
  attach: (argument) => typists.attach(argument),
  probe: (argument) => typists.probe(argument),
  load: (argument) => typists.load(argument),
});
