import type { BackoffPolicy } from "../kernel/backoff.ts";

/** Bounds of one database. Each has a default, and a test can lower it. */
export interface DatabaseLimits {
  /** Writes in one transaction; what is over waits for the next one. */
  readonly writesPerTransactionMax: number;
  /** Reads over one snapshot before a transaction gets its turn. */
  readonly readsPerSnapshotMax: number;
  /** Requests that wait for an answer; over it, a request is refused as `overloaded`. */
  readonly queuedRequestsMax: number;
  /** Estimated bytes of the arguments of those requests; over it likewise. */
  readonly queuedBytesMax: number;
  /** Bytes of the file of the write-ahead log; over it, a commit waits for other readers and empties the log. */
  readonly walBytesMax: number;
}

export const defaultLimits: DatabaseLimits = {
  writesPerTransactionMax: 512,
  readsPerSnapshotMax: 64,
  queuedRequestsMax: 10_000,
  queuedBytesMax: 64 * 1024 * 1024,
  walBytesMax: 64 * 1024 * 1024,
};

/** How long one transaction waits for the write lock that another process holds, in milliseconds. */
export const busyTimeoutMsDefault = 2_000;

/**
 * The longest single wait for the lock, in milliseconds; reads are served between two. SQLite sleeps ever longer within
 * one wait, so short ones also give each of several busy processes its turn sooner.
 */
export const lockSliceMs = 3;

/** How often the size of the write-ahead log is looked at, at most, in milliseconds. */
export const walLookMs = 100;

/** How long the emptying of the log may wait for the readers of other processes, in milliseconds; nobody writes then. */
export const walTruncateWaitMs = 250;

/** The pause after a log could not be emptied because some reader did not end, in milliseconds. */
export const walTruncatePauseMs = 10_000;

/** A worker that holds requests and answers nothing for this long is given up, in milliseconds. */
export const silentAfterMsDefault = 10_000;

/** How long `stop` waits for queued requests, checkpoint and close, in milliseconds. */
export const stopWithinMsDefault = 5_000;

/** Pause between two tries to open a locked file, in milliseconds. */
export const openRetryMs = 50;

/** How long `openDatabase` goes on trying while other processes keep the file locked, in milliseconds. */
export const openBusyMsMax = 10_000;

/** Pauses before the restarts of a worker: 50 ms, doubled for each further one in a row, up to 5 s. */
export const restartPolicy: BackoffPolicy = { baseMs: 50, maxMs: 5_000 };

/** A worker that lived this long ends a row of restarts, in milliseconds. */
export const stableAfterMs = 30_000;

/** Prepared statements kept per connection; over it, the one unused for longest goes. */
export const cachedStatementsMax = 500;

/**
 * Pages in the write-ahead log (4 KiB each) from which a commit copies them into the file. The copy makes that commit
 * slow, by some tens of milliseconds; eight times SQLite's own default makes it eight times as rare, and copies a page
 * once that was written many times. The price is a log of 32 MiB to read through after a crash.
 */
export const walAutocheckpointPages = 8_000;

/** Nesting of an argument; a deeper (or cyclic) one is a bug of the caller. */
export const argumentDepthMax = 32;

/** Pages (4 KiB each) that a copy of a whole file reads at once. */
export const copyPagesMax = 512;

/** The longest rest of a copy between two parts, in milliseconds; it is as long as the part took. */
export const copyPauseMsMax = 100;

/** Between two words on how far a copy is, in milliseconds. */
export const copyProgressMs = 500;
