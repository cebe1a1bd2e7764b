import type { Timer } from "../../kernel/clock.ts";
import type { SeededRng } from "../seeded-rng.ts";
import { type DelayPlan, drawDelayMs } from "./sim-delay.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** One direction between two hosts, for all channels of it. */
export class SimLink {
  readonly from: string;
  readonly to: string;
  delay: DelayPlan;
  readonly scheduler: SimScheduler;
  readonly rng: SeededRng;
  readonly #channels = new Set<SimChannel>();
  /** How often it was cut. */
  cuts = 0;
  #isCut = false;

  constructor(path: { readonly from: string; readonly to: string }, options: SimLinkOptions) {
    this.from = path.from;
    this.to = path.to;
    this.scheduler = options.scheduler;
    this.rng = options.rng;
    this.delay = options.delay;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Nothing arrives any more, and whoever sends does not notice. */
  cut(): void {
    if (this.#isCut) return;
    this.cuts += 1;
    this.#isCut = true;
    for (const channel of this.#channels) channel.stop();
  }

  /** What was held arrives. */
  heal(): void {
    this.#isCut = false;
    for (const channel of this.#channels) channel.go();
  }

  /** A channel of its own order. It must be ended. */
  open(): SimChannel {
    const channel: SimChannel = new SimChannel(this, () => void this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }
}

/** What all links of a network share. */
export interface SimLinkOptions {
  readonly scheduler: SimScheduler;
  readonly rng: SeededRng;
  readonly delay: DelayPlan;
}

interface Parcel {
  readonly dueMs: number;
  readonly arrive: () => void;
}

/** What travels one way on one connection: in order, each for a time of its own, and not at all while the link is cut. */
export class SimChannel {
  readonly #link: SimLink;
  readonly #label: string;
  readonly #onEnd: () => void;
  #parcels: Parcel[] = [];
  #arrival: Timer | undefined;
  #lastDueMs = 0;
  #isEnding = false;

  constructor(link: SimLink, onEnd: () => void) {
    this.#link = link;
    this.#label = `${link.from}>${link.to}`;
    this.#onEnd = onEnd;
  }

  /** Parcels under way. */
  get underWay(): number {
    return this.#parcels.length;
  }

  /** Sends something; `arrive` is called as an event of its own. */
  send(arrive: () => void): void {
    const { scheduler, rng, delay } = this.#link;
    this.#lastDueMs = Math.max(this.#lastDueMs, scheduler.nowMs + drawDelayMs(rng, delay));
    this.#parcels.push({ dueMs: this.#lastDueMs, arrive });
    this.go();
  }

  /** Nothing of what is under way arrives. */
  drop(): void {
    this.#parcels = [];
    this.stop();
  }

  /** Ends the channel once everything under way has arrived. */
  end(): void {
    this.#isEnding = true;
    if (this.#parcels.length === 0) this.#onEnd();
  }

  stop(): void {
    this.#arrival?.cancel();
    this.#arrival = undefined;
  }

  go(): void {
    const next = this.#parcels[0];
    if (next === undefined || this.#arrival !== undefined || this.#link.isCut) return;
    const { scheduler } = this.#link;
    this.#arrival = scheduler.after(next.dueMs - scheduler.nowMs, this.#label, () => {
      this.#arrival = undefined;
      this.#parcels.shift();
      this.go();
      next.arrive();
      if (this.#isEnding && this.#parcels.length === 0) this.#onEnd();
    });
  }
}
