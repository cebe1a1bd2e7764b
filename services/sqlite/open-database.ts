import { sleep } from "../kernel/clock.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import type { Database, DatabaseOptions } from "./database.ts";
import { databaseMetrics } from "./database-metrics.ts";
import { UnusableDatabase } from "./failures.ts";
import {
  busyTimeoutMsDefault,
  defaultLimits,
  openBusyMsMax,
  openRetryMs,
  silentAfterMsDefault,
} from "./limits.ts";
import { assertMigrations } from "./migrations.ts";
import type { ProcedureTables } from "./procedures.ts";
import { type DatabaseParts, WorkerDatabase } from "./worker-database.ts";

/** "Prly" in ASCII: the `application_id` of Parley's files unless another is given. */
export const parleyApplicationId = 0x50_72_6c_79;

/**
 * Opens a database file, creating or migrating it as needed, and starts its worker thread. Give the
 * type of the procedures: `openDatabase<typeof procedures>({ … })`.
 *
 * Rejects with UnusableDatabase (damaged, newer, foreign, locked, …) and with a RangeError for
 * migrations out of order.
 */
export async function openDatabase<P extends ProcedureTables>(
  options: DatabaseOptions,
): Promise<Database<P>> {
  assertMigrations(options.migrations);
  const parts = partsOf(options);
  const deadlineMs = options.clock.monotonicMs() + openBusyMsMax;
  for (;;) {
    try {
      return await WorkerDatabase.open<P>(parts);
    } catch (thrown) {
      // SQLite answers "busy" without waiting when several processes create one file at once.
      const busy = thrown instanceof UnusableDatabase && thrown.reason === "busy";
      if (!busy || options.clock.monotonicMs() >= deadlineMs) throw thrown;
      await sleep(options.clock, openRetryMs);
    }
  }
}

function partsOf(options: DatabaseOptions): DatabaseParts {
  const limits = { ...defaultLimits, ...options.limits };
  return {
    clock: options.clock,
    logger: options.logger.child({ database: options.name }),
    metrics: databaseMetrics(options.metrics ?? silentMetrics, options.name),
    silentAfterMs: options.silentAfterMs ?? silentAfterMsDefault,
    settings: {
      path: options.path,
      proceduresUrl: options.procedures.href,
      migrations: options.migrations,
      applicationId: options.applicationId ?? parleyApplicationId,
      integrityCheck: options.integrityCheck ?? "quick",
      busyTimeoutMs: options.busyTimeoutMs ?? busyTimeoutMsDefault,
      limits,
    },
  };
}
