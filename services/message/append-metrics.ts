import type { Counter, Metrics } from "../kernel/metrics.ts";
import type { LaneObserver } from "./append-lane.ts";
import type { AppendLimit } from "./append-results.ts";

/** What is looked at when metrics are scraped. */
export interface AppendGauges {
  waiting(): number;
  loadedConversations(): number;
  loadedMembers(): number;
  orderedStreams(): number;
}

/** What an appender counts. */
export interface AppendMetrics extends LaneObserver {
  /** Labelled by `outcome`: committed, moved, rejected (final), unsettled (refused or unknown) or bug. */
  readonly results: Counter;
  refused(limit: AppendLimit): void;
}

const batchBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** Registers the instruments of one appender. */
export function createAppendMetrics(metrics: Metrics, gauges: AppendGauges): AppendMetrics {
  metrics.observedGauge("append_waiting", "Commands that were not answered yet", () => gauges.waiting());
  metrics.observedGauge("append_loaded_conversations", "Conversations in memory", () =>
    gauges.loadedConversations(),
  );
  metrics.observedGauge("append_loaded_members", "Members of groups in memory", () => gauges.loadedMembers());
  metrics.observedGauge("append_ordered_streams", "Streams whose order is kept", () =>
    gauges.orderedStreams(),
  );
  const batches = metrics.counter("append_batches_total", "Batches by outcome", ["outcome"]);
  const entries = metrics.histogram("append_batch_entries", "Rows of one batch", batchBuckets);
  const recoveries = metrics.counter("append_recoveries_total", "Conversations read again, by reason", [
    "reason",
  ]);
  const refusals = metrics.counter("append_refused_total", "Commands refused at a limit", ["limit"]);
  return {
    results: metrics.counter("append_results_total", "Answers to commands by outcome", ["outcome"]),
    refused: (limit) => refusals.add(1, { limit }),
    batch: (count, outcome) => {
      batches.add(1, { outcome });
      entries.observe(count);
    },
    recovery: (reason) => recoveries.add(1, { reason }),
  };
}
