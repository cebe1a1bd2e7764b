import type { SeededRng } from "../seeded-rng.ts";
import type { DelayPlan } from "./sim-delay.ts";
import { type SimChannel, SimLink } from "./sim-link.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimScheduler } from "./sim-scheduler.ts";
import { SimStreamEnd } from "./sim-stream.ts";

/** How a network behaves while nothing is wrong with it. */
export interface NetworkPlan {
  readonly delay: DelayPlan;
  /** Bytes of one direction of a stream that may be under way. */
  readonly streamBytesMax: number;
  /** Of all frames, how many break their stream. */
  breakRate: number;
}

/** How long a stream survives a path that carries nothing, drawn between these, in milliseconds. */
const keepaliveMs = { min: 10_000, max: 13_000 };

/** Of the streams on a path that is cut in one direction only, how many notice. */
const noticedOneWayRate = 0.75;

/** A dialled stream gives up after this long without an answer. */
const connectMsMax = 20_000;

/** What a process dials and listens with; a MeshTransport whose streams can be paused. */
export interface SimEndpoint {
  dial(address: string): SimStreamEnd;
  listen(accept: (stream: SimStreamEnd) => void): Promise<{ readonly host: string; readonly port: number }>;
  stop(): Promise<void>;
}

interface Listener {
  readonly process: SimProcess;
  readonly accept: (stream: SimStreamEnd) => void;
}

/** The network between hosts: paths that differ, stall and heal, and streams on them that break. */
export class SimNetwork {
  readonly plan: NetworkPlan;
  /** Streams that broke in any way but by `close`. */
  broken = 0;
  readonly #scheduler: SimScheduler;
  readonly #rng: SeededRng;
  readonly #links = new Map<string, SimLink>();
  readonly #listeners = new Map<string, Listener>();
  /** Open ends, with the host at the other side. */
  readonly #ends = new Map<SimStreamEnd, string>();

  constructor(scheduler: SimScheduler, rng: SeededRng, plan: NetworkPlan) {
    this.#scheduler = scheduler;
    this.#rng = rng;
    this.plan = plan;
  }

  /** Ends of streams that are open. */
  get endsOpen(): number {
    return this.#ends.size;
  }

  /** One endpoint of a process, at the name of its host and `port`. */
  endpoint(process: SimProcess, port: number): SimEndpoint {
    const address = `${process.name}:${port}`;
    const stopListening = (): void => {
      if (this.#listeners.get(address)?.process === process) this.#listeners.delete(address);
    };
    process.onEnd((isSilent) => {
      stopListening();
      this.#processEnded(process, isSilent);
    });
    const own = new Set<SimStreamEnd>();
    const note = (end: SimStreamEnd): SimStreamEnd => {
      for (const known of own) if (known.isOver) own.delete(known);
      own.add(end);
      return end;
    };
    return {
      dial: (to) => note(this.#dial(process, to)),
      listen: async (accept) => {
        this.#listeners.set(address, { process, accept: (end) => accept(note(end)) });
        return { host: process.name, port };
      },
      stop: async () => {
        stopListening();
        for (const end of own) end.close();
      },
    };
  }

  /** One direction; everything of it stalls until it is healed, and streams on it may die meanwhile. */
  cut(from: string, to: string): void {
    this.#scheduler.note(`${from}>${to} cut`);
    const link = this.#link(from, to);
    link.cut();
    const { cuts } = link;
    const noticedRate = this.#link(to, from).isCut ? 1 : noticedOneWayRate;
    for (const [end, other] of this.#ends) {
      const { name } = end.process;
      if (!((name === from && other === to) || (name === to && other === from))) continue;
      if (this.#rng.fraction() < noticedRate) this.#watch(end, () => link.isCut && link.cuts === cuts);
    }
  }

  heal(from: string, to: string): void {
    this.#scheduler.note(`${from}>${to} healed`);
    this.#link(from, to).heal();
  }

  /** Heals all paths. */
  healAll(): void {
    for (const { from, to, isCut } of this.#links.values()) if (isCut) this.heal(from, to);
  }

  /** Makes a path slower or faster from now on. */
  setDelay(from: string, to: string, delay: DelayPlan): void {
    this.#link(from, to).delay = delay;
  }

  /** Ends all streams between two hosts, with what is under way. */
  breakStreams(one: string, other: string): void {
    this.#scheduler.note(`${one}=${other} broken`);
    for (const [end, to] of Array.from(this.#ends)) {
      if (end.process.name === one && to === other) this.#break(end, "the connection broke");
    }
  }

  /** Call it when a process freezes: the streams of others to it die when that lasts. */
  frozen(process: SimProcess): void {
    const { freezes } = process;
    for (const [end, other] of this.#ends) {
      if (other === process.name) this.#watch(end, () => process.isFrozen && process.freezes === freezes);
    }
  }

  #link(from: string, to: string): SimLink {
    const key = `${from}>${to}`;
    const found = this.#links.get(key);
    if (found !== undefined) return found;
    const options = { scheduler: this.#scheduler, rng: this.#rng, delay: this.plan.delay };
    const link = new SimLink({ from, to }, options);
    this.#links.set(key, link);
    return link;
  }

  #dial(process: SimProcess, address: string): SimStreamEnd {
    const to = address.slice(0, address.lastIndexOf(":"));
    const channel = this.#link(process.name, to).open();
    const near = this.#openEnd(process, to, channel);
    const giveUp = (): void => {
      if (!near.isJoined) this.#break(near, "no answer");
    };
    near.untilJoined(this.#scheduler.after(connectMsMax, `${address} dialled`, giveUp));
    channel.send(() => {
      const listener = this.#listeners.get(address);
      if (listener === undefined) this.#refuse(near, address);
      else this.#accept(near, to, listener);
    });
    return near;
  }

  #accept(near: SimStreamEnd, to: string, { process, accept }: Listener): void {
    const far = this.#openEnd(process, near.process.name, this.#link(to, near.process.name).open());
    far.join(near);
    near.join(far);
    process.run(`${to} accepts`, () => accept(far));
  }

  #refuse(near: SimStreamEnd, address: string): void {
    const host = address.slice(0, address.lastIndexOf(":"));
    const back = this.#link(host, near.process.name).open();
    back.send(() => this.#break(near, `nobody listens at ${address}`));
    back.end();
  }

  #openEnd(process: SimProcess, to: string, channel: SimChannel): SimStreamEnd {
    const end = new SimStreamEnd({
      process,
      channel,
      bytesMax: this.plan.streamBytesMax,
      breaksNow: () => this.#breaksNow(),
      onBreak: (broken) => this.#break(broken, "the connection broke"),
      losesRest: () => this.#rng.fraction() < 0.5,
      onEnd: (over) => void this.#ends.delete(over),
    });
    this.#ends.set(end, to);
    return end;
  }

  #breaksNow(): boolean {
    return this.plan.breakRate > 0 && this.#rng.fraction() < this.plan.breakRate;
  }

  /** Gives an end up after a while if the cause for that still holds. */
  #watch(end: SimStreamEnd, isBad: () => boolean): void {
    const { min, max } = keepaliveMs;
    const waitMs = min + this.#rng.fraction() * (max - min);
    this.#scheduler.after(waitMs, `${end.process.name} keepalive`, () => {
      if (end.isOver || !isBad()) return;
      this.broken += 1;
      end.lose("keepalive");
    });
  }

  #break(end: SimStreamEnd, reason: string): void {
    if (end.isOver) return;
    this.broken += 1;
    end.break(reason);
  }

  #endsOf(process: SimProcess): SimStreamEnd[] {
    return Array.from(this.#ends.keys()).filter((end) => end.process === process);
  }

  /** Its machine ends the streams for it; when that is gone too, only silence tells. */
  #processEnded(process: SimProcess, isSilent: boolean): void {
    for (const end of this.#endsOf(process)) {
      this.broken += 1;
      if (!isSilent) end.lose("its process ended");
      else {
        const { peer } = end;
        end.vanish();
        if (peer !== undefined) this.#watch(peer, () => true);
      }
    }
  }
}
