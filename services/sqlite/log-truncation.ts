import { statSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { CachedConnection } from "./cached-connection.ts";
import { lockSliceMs, walLookMs, walTruncatePauseMs, walTruncateWaitMs } from "./limits.ts";
import type { WorkerSettings } from "./protocol.ts";

/**
 * Empties a write-ahead log that has grown too large. The checkpoints that commits make by themselves wait for nobody:
 * while there is always some reader in some process they copy the log but cannot begin it anew, and its file grows. This
 * one keeps writers out and waits for the readers that are there; those that come meanwhile need the log no more.
 */
export class LogTruncation {
  readonly #writer: CachedConnection;
  readonly #path: string;
  readonly #bytesMax: number;
  #lookAgainMs = 0;

  constructor(writer: CachedConnection, { path, limits }: Pick<WorkerSettings, "path" | "limits">) {
    this.#writer = writer;
    this.#path = `${path}-wal`;
    this.#bytesMax = limits.walBytesMax;
  }

  /** To be called outside a transaction. Whether the log could be emptied; undefined when it did not have to be. */
  afterCommit(): boolean | undefined {
    const nowMs = performance.now();
    if (nowMs < this.#lookAgainMs) return undefined;
    this.#lookAgainMs = nowMs + walLookMs;
    const bytes = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes <= this.#bytesMax) return undefined;
    const emptied = this.#truncate();
    if (!emptied) this.#lookAgainMs = performance.now() + walTruncatePauseMs;
    return emptied;
  }

  #truncate(): boolean {
    const { database } = this.#writer;
    try {
      database.exec(`PRAGMA busy_timeout = ${walTruncateWaitMs}`);
      return database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0n;
    } catch {
      // What is in the log stays there, committed; whatever is wrong with the file shows at the next write.
      return false;
    } finally {
      database.exec(`PRAGMA busy_timeout = ${lockSliceMs}`);
    }
  }
}
