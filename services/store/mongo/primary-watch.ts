import type { MongoClient, TopologyDescription } from "mongodb";
import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";

/** Knows whether there is a server that takes writes. */
export interface PrimaryWatch {
  readonly isKnown: boolean;
  /** Resolves with true as soon as one is known, with false after `waitMs`. */
  wait(waitMs: number): Promise<boolean>;
}

/** Follows what the client's heartbeats and failures tell. To be made before the client connects. */
export function createPrimaryWatch(
  client: MongoClient,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): PrimaryWatch {
  let isKnown = false;
  /** Those who wait; as many as run at most. */
  const waiting = new Set<() => void>();
  let looking = false;

  /** The driver looks at its servers at once for a request that finds none, and otherwise at the next heartbeat only. */
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      await client.db("admin").command({ ping: 1 });
    } catch {
      // What it met is told as a change of the topology.
    } finally {
      looking = false;
    }
  };

  client.on("topologyDescriptionChanged", ({ newDescription }) => {
    const before = isKnown;
    isKnown = hasPrimary(newDescription);
    if (before && !isKnown) logger.warn("MongoDB has no primary that this node can reach");
    if (before || !isKnown) return;
    logger.info("MongoDB has a primary");
    for (const wake of waiting) wake();
  });

  return {
    get isKnown() {
      return isKnown;
    },
    wait: (waitMs) => {
      if (isKnown) return Promise.resolve(true);
      return new Promise((resolve) => {
        const end = (known: boolean) => (): void => {
          timer.cancel();
          waiting.delete(wake);
          resolve(known);
        };
        const wake = end(true);
        const timer = clock.after(waitMs, end(false));
        waiting.add(wake);
        void look();
      });
    },
  };
}

const writable = new Set(["Standalone", "RSPrimary", "Mongos", "LoadBalancer"]);

function hasPrimary(description: TopologyDescription): boolean {
  return description.servers.values().some((server) => writable.has(server.type));
}
