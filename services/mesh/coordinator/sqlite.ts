import type { Clock, Timer } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import type { Rng } from "../../kernel/rng.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import type { Database } from "../../sqlite/database.ts";
import { openDatabase } from "../../sqlite/open-database.ts";
import { type Coordinator, leaseMs, type Registration } from "../coordinator.ts";
import { formatNodeRecord, type NodeRecord } from "../node-record.ts";
import type { EpochMark } from "../ports.ts";
import { noFreeSlot } from "./id-slots.ts";
import { ReadableRecords } from "./readable-records.ts";
import { RowObservation } from "./row-observation.ts";
import { clusterMigrations, type NodeRow, type procedures } from "./sqlite.worker.ts";
import { Watchers } from "./watchers.ts";

/** "Prlc" in ASCII: a cluster's file cannot be taken for a store's, nor the other way round. */
export const clusterApplicationId = 0x50_72_6c_63;

/** How often a coordinator looks at the rows, in milliseconds; give or take a quarter, so that processes spread. */
export const lookIntervalMs = 1_000;

export interface SqliteCoordinatorOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
}

/** The file of a cluster. */
export type ClusterDatabase = Database<typeof procedures>;

/** Opens the file `path`, which processes of one machine share, making it when it is missing. Throws UnusableDatabase. */
export async function openSqliteCoordinator(
  options: SqliteCoordinatorOptions & { readonly path: string; readonly metrics: Metrics },
): Promise<Coordinator> {
  const { path, clock, logger, metrics } = options;
  return createSqliteCoordinator(await openClusterDatabase({ path, clock, logger, metrics }), options);
}

/** Opens the file without looking at it from time to time. */
export function openClusterDatabase(options: {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** As in services/sqlite: how long a call waits for a lock, in milliseconds. */
  readonly busyTimeoutMs?: number;
}): Promise<ClusterDatabase> {
  return openDatabase<typeof procedures>({
    ...options,
    name: "cluster",
    procedures: new URL("./sqlite.worker.ts", import.meta.url),
    migrations: clusterMigrations,
    applicationId: clusterApplicationId,
  });
}

/** A coordinator on a file that is open; it stops the database when it is stopped. */
export function createSqliteCoordinator(
  database: ClusterDatabase,
  options: SqliteCoordinatorOptions,
): Coordinator {
  return new SqliteCoordinator(database, options);
}

/**
 * Rows with heartbeats. A node raises the beat of its row; every process looks at all rows about once a second and removes
 * those whose beat stood still for a lease, by its own monotonic clock and as one step with seeing it. What changed from
 * one look to the next, beats apart, is what watchers are told.
 */
class SqliteCoordinator implements Coordinator {
  readonly #database: ClusterDatabase;
  readonly #options: SqliteCoordinatorOptions;
  readonly #observation = new RowObservation(leaseMs);
  readonly #watchers: Watchers;
  readonly #records: ReadableRecords;
  #listed: string | undefined;
  #timer: Timer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(database: ClusterDatabase, options: SqliteCoordinatorOptions) {
    this.#database = database;
    this.#options = options;
    this.#watchers = new Watchers(options.clock);
    this.#records = new ReadableRecords(options.logger);
    this.#lookLater();
  }

  async register(record: NodeRecord): Promise<Registration> {
    const { nodeId, incarnation } = record;
    const entry = { nodeId, incarnation, record: formatNodeRecord(record) };
    const idSlot = await this.#database.run("register", entry);
    if (idSlot === undefined) throw noFreeSlot(nodeId);
    return {
      idSlot,
      renew: async (changed) => {
        const text = formatNodeRecord({ ...changed, nodeId, incarnation });
        return this.#database.run("renew", { nodeId, incarnation, record: text });
      },
      leave: () => this.#database.run("leave", { nodeId, incarnation }),
    };
  }

  async list(): Promise<readonly NodeRecord[]> {
    return this.#records.read(await this.#look());
  }

  readMark(): Promise<EpochMark> {
    return this.#database.read("readMark", undefined);
  }

  raiseMark(mark: EpochMark): Promise<void> {
    const { epoch, tick } = mark;
    return this.#database.run("raiseMark", { epoch, tick });
  }

  watch(onHint: () => void): () => void {
    return this.#watchers.add(onHint);
  }

  stop(): Promise<void> {
    this.#timer?.cancel();
    this.#watchers.clear();
    this.#stopping ??= this.#database.stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #lookLater(): void {
    const { clock, rng } = this.#options;
    this.#timer = clock.after(lookIntervalMs * (0.75 + rng.fraction() / 2), () => void this.#lookAgain());
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look();
    } catch (thrown) {
      // Whoever asks for the list is told as well and makes the noise; what was observed so far lapses by itself.
      this.#options.logger.debug("the list of nodes could not be looked at", { error: thrownError(thrown) });
    }
    if (this.#stopping === undefined) this.#lookLater();
  }

  async #look(): Promise<readonly NodeRow[]> {
    const { clock, logger } = this.#options;
    const dead = this.#observation.deadRows(clock.monotonicMs());
    const { rows, removed } = await this.#database.run("look", dead);
    this.#observation.look(rows, clock.monotonicMs());
    for (const nodeId of removed)
      logger.info("a node gave no sign of life and was removed", { nodeId, leaseMs });
    const listed = JSON.stringify(rows.map(({ incarnation, record }) => [incarnation, record]));
    if (this.#listed !== undefined && this.#listed !== listed) this.#watchers.hint();
    this.#listed = listed;
    return rows;
  }
}
