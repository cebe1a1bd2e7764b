import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StoreStandingSchema } from "../../gen/parley/mesh/v1/store_pb.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Mesh } from "./mesh.ts";

/** Every bound of what nodes tell one another about the store, in milliseconds. */
export const storeStandingLimits = {
  /** From the end of one look at the store to the next. */
  lookEveryMs: 1_000,
  /** A store that has not answered for so long is away. */
  awayAfterMs: 2_000,
  /** What another node said holds for so long, unless it says it again. */
  heldMs: 5_000,
} as const;

/** Which nodes reach the store, as far as this one knows. It buys time only: who serves is nobody's safety. */
export interface StoreStandings {
  /** The node, this one or another, does not reach the store. False of those that said nothing lately. */
  isAway(nodeId: string): boolean;
  /** Calls `listener` whenever `isAway` may answer differently. */
  onChange(listener: () => void): void;
}

/** What they are made from. */
export interface StoreStandingsOptions {
  readonly mesh: Pick<Mesh, "self" | "broadcast" | "onBroadcast">;
  /** One read of the store; rejects when it does not answer. */
  readonly look: () => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The standings, and the watch over this node's own. */
export interface StoreWatch extends StoreStandings {
  /** Looks at the store from time to time, from now on. */
  start(): void;
  /** Resolves when no look is under way. Idempotent. */
  stop(): Promise<void>;
}

/** The broadcast by which a node says whether it reaches the store. */
const broadcastName = "store";

/** Creates the watch of a node; once for a mesh. */
export function createStoreWatch(options: StoreStandingsOptions): StoreWatch {
  return new LookingWatch(options);
}

class LookingWatch implements StoreWatch {
  readonly #options: StoreStandingsOptions;
  readonly #listeners: (() => void)[] = [];
  /** Other nodes that said they do not reach the store, with the end of what they said: as many as there are nodes. */
  readonly #away = new Map<string, Timer>();
  #isAway = false;
  /** Begin of the first look since the store last answered. */
  #unansweredMs: number | undefined;
  #next: Timer | undefined;
  #verdict: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: StoreStandingsOptions) {
    this.#options = options;
    const { mesh, metrics } = options;
    mesh.onBroadcast(broadcastName, (from, body) =>
      this.#heard(from, fromBinary(StoreStandingSchema, body).away),
    );
    metrics.observedGauge("store_away", "1 when this node does not reach the store, else 0", () =>
      Number(this.#isAway),
    );
    metrics.observedGauge(
      "store_away_peers",
      "Other nodes that say they do not reach the store",
      () => this.#away.size,
    );
  }

  isAway(nodeId: string): boolean {
    return nodeId === this.#options.mesh.self().nodeId ? this.#isAway : this.#away.has(nodeId);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  start(): void {
    this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#next?.cancel();
    this.#verdict?.cancel();
    for (const end of this.#away.values()) end.cancel();
    this.#away.clear();
    await this.#looking;
  }

  #begin(): void {
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#stopped) return;
      this.#next = this.#options.clock.after(storeStandingLimits.lookEveryMs, () => this.#begin());
    });
  }

  async #look(): Promise<void> {
    const { clock, look } = this.#options;
    this.#unansweredMs ??= clock.monotonicMs();
    this.#judgeLater();
    try {
      await look();
      this.#unansweredMs = undefined;
    } catch {
      // Whoever reads or writes for somebody reports it.
    }
    this.#verdict?.cancel();
    if (!this.#stopped) this.#judge();
  }

  /** A look may hang for longer than it takes to know. */
  #judgeLater(): void {
    const { clock } = this.#options;
    const waitedMs = clock.monotonicMs() - (this.#unansweredMs ?? 0);
    const delayMs = Math.max(storeStandingLimits.lookEveryMs, storeStandingLimits.awayAfterMs - waitedMs);
    this.#verdict = clock.after(delayMs, () => {
      this.#judge();
      // What is said has to be said again for as long as it is true.
      this.#judgeLater();
    });
  }

  #judge(): void {
    const { clock, logger } = this.#options;
    const since = this.#unansweredMs;
    const isAway = since !== undefined && clock.monotonicMs() - since >= storeStandingLimits.awayAfterMs;
    if (isAway) this.#say(true);
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    if (isAway) logger.warn("this node does not reach the store: others serve its topics meanwhile");
    else {
      logger.info("this node reaches the store again");
      this.#say(false);
    }
    this.#changed();
  }

  #say(away: boolean): void {
    const body = toBinary(StoreStandingSchema, create(StoreStandingSchema, { away }));
    this.#options.mesh.broadcast(broadcastName, body);
  }

  #heard(from: string, away: boolean): void {
    if (this.#stopped) return;
    const before = this.#away.get(from);
    before?.cancel();
    if (away) {
      const end = this.#options.clock.after(storeStandingLimits.heldMs, () => this.#heard(from, false));
      this.#away.set(from, end);
    } else {
      this.#away.delete(from);
    }
    if ((before !== undefined) !== away) this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
