import type { Metrics } from "../kernel/metrics.ts";
import type { EventClass } from "./router.ts";

/** What a command came to, for the node that had it. `held` counts beside the outcome that follows. */
export type CommandCount = "local" | "answered" | "lost" | "failed" | "held";

/** What a router measures. */
export interface RouterMetrics {
  command(outcome: Exclude<CommandCount, "held">): void;
  commandHeld(): void;
  /** An event left for this many other nodes. */
  fannedOut(eventClass: EventClass, nodes: number): void;
  /** An event arrived that nobody here listens to. */
  wasted(): void;
  relayed(): void;
  interestRefused(): void;
}

/** Values that are read when they are asked for. */
export interface RouterReadings {
  readonly topicsJoined: () => number;
  readonly topicsOwned: () => number;
}

const fanOutBuckets = [0, 1, 2, 3, 5, 10, 20, 50, 100];

/** Creates the instruments of a router. */
export function createRouterMetrics(metrics: Metrics, readings: RouterReadings): RouterMetrics {
  const fanOut = metrics.histogram(
    "mesh_fanout_nodes",
    "Other nodes that a durable event was sent to, by its fan-out",
    fanOutBuckets,
  );
  const sent = metrics.counter("mesh_events_sent_total", "Events sent to other nodes, one for each node", [
    "class",
  ]);
  const wasted = metrics.counter(
    "mesh_events_wasted_total",
    "Events from other nodes that nobody here listened to",
  );
  const relays = metrics.counter("mesh_relays_total", "Events handed to the owners of their topics");
  const commands = metrics.counter(
    "mesh_commands_total",
    "Commands by what they came to; those held for a link to open count twice",
    ["outcome"],
  );
  const refused = metrics.counter(
    "mesh_interest_refused_total",
    "Joins of other nodes that were not taken because the node had joined too many topics",
  );
  metrics.observedGauge("mesh_topics_joined", "Topics joined at other nodes", readings.topicsJoined);
  metrics.observedGauge(
    "mesh_topics_owned",
    "Topics somebody wants of which this node is the first owner",
    readings.topicsOwned,
  );
  const count = (outcome: CommandCount): void => commands.add(1, { outcome });
  return {
    command: count,
    commandHeld: () => count("held"),
    fannedOut: (eventClass, nodes) => {
      if (eventClass === "durable") fanOut.observe(nodes);
      if (nodes > 0) sent.add(nodes, { class: eventClass });
    },
    wasted: () => wasted.add(),
    relayed: () => relays.add(),
    interestRefused: () => refused.add(),
  };
}
