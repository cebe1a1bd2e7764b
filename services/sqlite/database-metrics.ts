import type { Metrics } from "../kernel/metrics.ts";
import type { RefusalKind } from "./failures.ts";

/** The measurements of one database, told apart by the label `database`. */
export interface DatabaseMetrics {
  committed(writes: number): void;
  pending(requests: number): void;
  refused(kind: RefusalKind): void;
  unknown(): void;
  restarted(): void;
  logTooLarge(emptied: boolean): void;
}

const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Registers the instruments with `metrics`. */
export function databaseMetrics(metrics: Metrics, database: string): DatabaseMetrics {
  const labels = ["database"];
  const batches = metrics.histogram(
    "sqlite_transaction_writes",
    "Writes that shared one transaction",
    batchBuckets,
    labels,
  );
  const pending = metrics.gauge("sqlite_pending_requests", "Requests that wait for an answer", labels);
  const refused = metrics.counter("sqlite_refusals_total", "Requests that had no effect, by kind", [
    "database",
    "kind",
  ]);
  const unknown = metrics.counter("sqlite_unknown_total", "Writes of unknown outcome", labels);
  const restarts = metrics.counter("sqlite_worker_restarts_total", "Worker threads started again", labels);
  const truncations = metrics.counter(
    "sqlite_log_truncations_total",
    "Times that the write-ahead log was too large, by kind: emptied, or held by a reader",
    ["database", "kind"],
  );
  return {
    committed: (writes) => batches.observe(writes, { database }),
    pending: (requests) => pending.set(requests, { database }),
    refused: (kind) => refused.add(1, { database, kind }),
    unknown: () => unknown.add(1, { database }),
    restarted: () => restarts.add(1, { database }),
    logTooLarge: (emptied) => truncations.add(1, { database, kind: emptied ? "emptied" : "held" }),
  };
}
