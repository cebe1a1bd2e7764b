import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { ConnectionPragmas } from "./effective-pragmas.ts";
import type { DatabaseLimits } from "./limits.ts";
import type { ArgumentOf, Migration, ProcedureTables, ResultOf } from "./procedures.ts";
import type { IntegrityCheck } from "./protocol.ts";

/** How to open a database file. */
export interface DatabaseOptions {
  /** Path of the file. Its directory must exist; SQLite adds `-wal` and `-shm` beside it. */
  readonly path: string;
  /** Short name for log lines and the metrics' label, for example "store". */
  readonly name: string;
  /** A module that exports `procedures` (ProcedureTables); the worker thread imports it. */
  readonly procedures: URL;
  readonly migrations: readonly Migration[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** The file's `application_id`, which tells kinds of files apart; `parleyApplicationId` by default. */
  readonly applicationId?: number;
  /** "quick" by default. A restarted worker does not check again. */
  readonly integrityCheck?: IntegrityCheck;
  /** Milliseconds that a transaction waits for another process's lock, then `busy`; 2,000 by default. */
  readonly busyTimeoutMs?: number;
  /** Milliseconds without any answer after which the worker is given up; 10,000 by default. */
  readonly silentAfterMs?: number;
  readonly limits?: Partial<DatabaseLimits>;
}

/** Names of type string; a table's keys could be symbols as far as the type system knows. */
type NameOf<Table> = keyof Table & string;

/** A database file behind a worker thread, with the procedures `P`. */
export interface Database<P extends ProcedureTables> extends AsyncDisposable {
  /**
   * Runs a write procedure and answers after the COMMIT that holds it. Writes are applied in the order
   * of the calls. Rejects with StoreRefusal (it had no effect) or StoreOutcomeUnknown.
   */
  run<N extends NameOf<P["writes"]>>(
    name: N,
    argument: ArgumentOf<P["writes"][N]>,
  ): Promise<ResultOf<P["writes"][N]>>;

  /**
   * Runs a read procedure over one snapshot that holds every write answered before the call. Reads may
   * overtake writes that were not answered yet. Rejects with StoreRefusal.
   */
  read<N extends NameOf<P["reads"]>>(
    name: N,
    argument: ArgumentOf<P["reads"][N]>,
  ): Promise<ResultOf<P["reads"][N]>>;

  /** What is in force on each connection, as SQLite itself reports it. */
  pragmas(): Promise<readonly ConnectionPragmas[]>;

  /**
   * Refuses new requests as `unavailable`, finishes those that wait, checkpoints, closes the file and
   * ends the worker, all within `withinMs` (5,000 by default); writes unanswered by then are unknown.
   * Never rejects, and may be called again.
   */
  stop(withinMs?: number): Promise<void>;
}
