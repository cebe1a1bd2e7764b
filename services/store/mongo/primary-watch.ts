import type { MongoClient, TopologyDescription } from "mongodb";
import { type Clock, sleep } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import { mongoLimits } from "./limits.ts";

/** Knows whether there is a server that takes writes. */
export interface PrimaryWatch {
  readonly isKnown: boolean;
  /** Resolves with true as soon as one is known, with false when none has been for `waitMs`, at once if that is over. */
  wait(waitMs: number): Promise<boolean>;
}

/** What the watch works with. */
export interface PrimaryWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Follows what the client's heartbeats and failures tell. To be made before the client connects. */
export function createPrimaryWatch(client: MongoClient, options: PrimaryWatchOptions): PrimaryWatch {
  return new TopologyWatch(client, options);
}

class TopologyWatch implements PrimaryWatch {
  readonly #client: MongoClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #isKnown = false;
  #awaySinceMs: number;
  /** Those who wait; as many as run at most. */
  readonly #waiting = new Set<() => void>();
  /** Begin of the look that is under way. */
  #lookingSinceMs = Number.NEGATIVE_INFINITY;
  /** Not so after the client was closed because its driver hung, until it is connected again. */
  #isConnected = true;
  /** When the driver last began or ended a look at a server. */
  #heardMs: number;

  constructor(client: MongoClient, { clock, logger }: PrimaryWatchOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
    this.#awaySinceMs = clock.monotonicMs();
    this.#heardMs = clock.monotonicMs();
    for (const event of heartbeats) client.on(event, () => (this.#heardMs = clock.monotonicMs()));
    client.on("topologyDescriptionChanged", ({ newDescription }) => this.#follow(newDescription));
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  wait(waitMs: number): Promise<boolean> {
    if (this.#isKnown) return Promise.resolve(true);
    void this.#look();
    const leftMs = this.#awaySinceMs + waitMs - this.#clock.monotonicMs();
    if (leftMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (known: boolean) => (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        resolve(known);
      };
      const wake = end(true);
      const timer = this.#clock.after(leftMs, end(false));
      this.#waiting.add(wake);
    });
  }

  #follow(description: TopologyDescription): void {
    const before = this.#isKnown;
    this.#isKnown = hasPrimary(description);
    if (before === this.#isKnown) return;
    if (this.#isKnown) {
      this.#logger.info("MongoDB has a primary");
      for (const wake of this.#waiting) wake();
    } else {
      this.#awaySinceMs = this.#clock.monotonicMs();
      this.#logger.warn("MongoDB has no primary that this node can reach");
    }
  }

  /**
   * The driver looks at its servers at once for a request that finds none, and otherwise at the next heartbeat only. What it
   * meets is told as a change of the topology. It may be lost like any request: after a while the next one goes on.
   */
  async #look(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookingSinceMs < mongoLimits.lookMsMax) return;
    this.#lookingSinceMs = nowMs;
    await this.#ask().catch(() => undefined);
    if (this.#lookingSinceMs === nowMs) this.#lookingSinceMs = Number.NEGATIVE_INFINITY;
  }

  async #ask(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#heardMs >= mongoLimits.monitorMsMax) await this.#hangUp();
    if (!this.#isConnected) await this.#client.connect();
    this.#isConnected = true;
    await this.#client.db("admin").command({ ping: 1 });
  }

  /** The driver's own look hangs, and it would make no other one: a new topology of the same client takes its place. */
  async #hangUp(): Promise<void> {
    this.#isConnected = false;
    this.#heardMs = this.#clock.monotonicMs();
    this.#logger.warn("MongoDB's driver has stopped looking for a primary: its client connects anew");
    const closing = this.#client.close().catch((thrown: unknown) => {
      this.#logger.warn("MongoDB's client was not closed in order", { error: thrownError(thrown) });
    });
    const given = new AbortController();
    await Promise.race([closing, sleep(this.#clock, mongoLimits.closeMsMax, given.signal)]);
    given.abort();
  }
}

const heartbeats = ["serverHeartbeatStarted", "serverHeartbeatSucceeded", "serverHeartbeatFailed"] as const;

const writable = new Set(["Standalone", "RSPrimary", "Mongos", "LoadBalancer"]);

function hasPrimary(description: TopologyDescription): boolean {
  return description.servers.values().some((server) => writable.has(server.type));
}
