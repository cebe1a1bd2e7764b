import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { silentMetrics } from "../../kernel/metrics.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import type { Coordinator } from "../../mesh/coordinator.ts";
import type { EpochMark } from "../../mesh/ports.ts";
import { epochGapMax, restoredMark } from "../../mesh/restored-mark.ts";
import {
  type BackupContents,
  examineBackup,
  type StoreBesides,
  stageBackup,
  stagingPrefix,
} from "../../store/sqlite/backup.ts";
import { openSqliteStore, storeFileName } from "../../store/sqlite/open.ts";
import { type MaintenanceOptions, whileNodesAreStopped } from "./maintenance.ts";

export interface RestoreOptions extends MaintenanceOptions {
  readonly file: string;
  /** The store's. */
  readonly directory: string;
  /** Drops the store that is there. */
  readonly discard: boolean;
}

/** What a restore came to. */
export interface RestoreReport {
  readonly contents: BackupContents;
  readonly epoch: bigint;
  /** Where the store that was there is now; undefined when there was none, or it was dropped. */
  readonly keptIn: string | undefined;
  /** How far that store was ahead of the backup; undefined when there was none, or it could not be read. */
  readonly undone: StoreBesides | undefined;
}

/**
 * Puts a backup in the place of an embedded store, in a new epoch. Killed at any moment, it leaves the old store or the new
 * one. The mark is raised in the copy before it gets there, and the coordinator is told afterwards: were it told before, and
 * this process killed, the old store would be taken for one that was put back. If it is not told, the nodes tell it.
 * Throws UnusableDatabase and NodesRunning; then everything is as it was.
 */
export async function restoreStore(options: RestoreOptions): Promise<RestoreReport> {
  const { file, directory, signal } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Before anybody is waited for, so that a wrong file is told at once.
  await examineBackup(file, directory, { signal });
  return whileNodesAreStopped(options, (coordinator) => restore(options, coordinator));
}

async function restore(options: RestoreOptions, coordinator: Coordinator): Promise<RestoreReport> {
  const { file, directory, discard, signal, clock } = options;
  const { contents, besides } = await examineBackup(file, directory, { signal });
  removeLeftovers(directory);
  const told = await coordinator.readMark();
  using staged = stageBackup(file, directory);
  const mark = await beginEpoch(options, staged.directory, besides === undefined ? [told] : [told, besides]);
  const keeps = !discard && existsSync(join(directory, storeFileName));
  const keptIn = keeps ? join(directory, `before-restore-${timeText(clock.wallMs())}`) : undefined;
  signal.throwIfAborted();
  await staged.putInPlace(keptIn);
  try {
    await coordinator.raiseMark(mark);
  } catch (thrown) {
    options.notice(
      `the store is in place; the coordinator could not be told (${thrownError(thrown).message}), the nodes will tell it`,
    );
  }
  return { contents, epoch: mark.epoch, keptIn, undone: besides };
}

/** Raises the mark of a staged store, which is brought to the newest schema on the way. */
async function beginEpoch(
  { clock, logger, rng }: MaintenanceOptions,
  directory: string,
  known: readonly EpochMark[],
): Promise<EpochMark> {
  const store = await openSqliteStore({ directory, clock, logger, metrics: silentMetrics });
  try {
    const mark = await store.epochMark.read();
    const to = restoredMark(mark, known, Math.floor(rng.fraction() * epochGapMax));
    if (!(await store.epochMark.raise(mark, to))) throw new Error("a store that nobody else has was changed");
    return to;
  } finally {
    await store.stop();
  }
}

/** Of restores that were killed. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith(stagingPrefix)) rmSync(join(directory, name), { recursive: true, force: true });
  }
}

/** `20260601T120000.000Z`: fit for a file's name everywhere. */
function timeText(wallMs: number): string {
  return new Date(wallMs).toISOString().replaceAll(/[-:]/g, "");
}
