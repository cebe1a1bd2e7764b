import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { UnusableDatabase } from "../../sqlite/failures.ts";
import { type FileTaskOptions, runFileTask } from "../../sqlite/file-task.ts";
import type { ExpectedFile } from "../../sqlite/file-worker.ts";
import { parleyApplicationId } from "../../sqlite/open-database.ts";
import { storeFileName } from "./open.ts";
import { migrations } from "./schema.ts";

/** What a backup holds. */
export interface BackupContents {
  /** Of the schema. */
  readonly version: number;
  readonly entries: bigint;
  readonly conversations: bigint;
}

/** What was written. */
export interface WrittenBackup extends BackupContents {
  readonly bytes: number;
}

/** How the store that is to be replaced compares with a backup. */
export interface StoreBesides {
  readonly epoch: bigint;
  readonly tick: bigint;
  /** Conversations that reach further there than in the backup, or are there only. */
  readonly conversationsAhead: bigint;
  /** By how many entries in all. */
  readonly entriesAhead: bigint;
}

const expected: ExpectedFile = {
  applicationId: parleyApplicationId,
  versionMax: migrations.at(-1)?.version ?? 0,
};

/** Void rows have a seq below 0 and are in no conversation's log. */
const contentsQuestions = {
  entries: "SELECT count(*) FROM entry WHERE seq > 0",
  conversations: "SELECT count(*) FROM head",
};

const ahead = `FROM other.head AS there LEFT JOIN main.head AS here USING (conversation_id)
  WHERE there.head_seq > coalesce(here.head_seq, 0)`;

const comparisonQuestions = {
  otherEpoch: "SELECT epoch FROM other.epoch_mark",
  otherTick: "SELECT tick FROM other.epoch_mark",
  conversationsAhead: `SELECT count(*) ${ahead}`,
  entriesAhead: `SELECT coalesce(sum(there.head_seq - coalesce(here.head_seq, 0)), 0) ${ahead}`,
};

/** Where a backup is written. */
export interface BackUpOptions extends FileTaskOptions {
  /** The store's. */
  readonly directory: string;
  readonly file: string;
  /** Takes the place of a file that is there. */
  readonly force: boolean;
}

/**
 * Writes the store, which nodes may be writing, to one file as it is at one moment: under another name, synced and checked
 * before it gets its own. Whatever fails leaves nothing. Rejects with UnusableDatabase and the signal's reason.
 */
export async function backUpSqliteStore(options: BackUpOptions): Promise<WrittenBackup> {
  const { directory, file, force } = options;
  const path = join(directory, storeFileName);
  if (!existsSync(path)) throw new UnusableDatabase("missing", `there is no store in ${directory}`);
  assertFree(file, force);
  using partial = partialDirectory(file);
  closeSync(openSync(partial.path, "wx", 0o600));
  const { version, answers } = await runFileTask(
    { kind: "copy", path, to: partial.path, expected, questions: contentsQuestions },
    options,
  );
  const bytes = statSync(partial.path).size;
  assertFree(file, force);
  renameSync(partial.path, file);
  syncDirectory(dirname(file));
  return { ...contentsOf(version, answers), bytes };
}

/** A backup that was looked at. */
export interface ExaminedBackup {
  readonly contents: BackupContents;
  /** Undefined when there is no store in the directory, or none that can be compared. */
  readonly besides: StoreBesides | undefined;
}

/**
 * Checks all of a backup, and compares it with the store of a directory if there is one. Rejects with UnusableDatabase: it
 * is no backup, damaged, or of a newer program.
 */
export async function examineBackup(
  file: string,
  directory: string,
  options: FileTaskOptions,
): Promise<ExaminedBackup> {
  const path = join(directory, storeFileName);
  const comparison = existsSync(path) ? { path, questions: comparisonQuestions } : undefined;
  const { version, answers } = await runFileTask(
    { kind: "examine", path: file, expected, questions: contentsQuestions, comparison },
    options,
  );
  const epoch = answers.get("otherEpoch");
  const number = (name: string): bigint => answers.get(name) ?? 0n;
  return {
    contents: contentsOf(version, answers),
    besides:
      epoch === undefined
        ? undefined
        : {
            epoch,
            tick: number("otherTick"),
            conversationsAhead: number("conversationsAhead"),
            entriesAhead: number("entriesAhead"),
          },
  };
}

/** A store that was made from a backup and is not at its place yet. */
export interface StagedStore extends Disposable {
  /** To be opened like any store, and closed again before `putInPlace`. */
  readonly directory: string;
  /**
   * Puts it in the place of the store, as one step; what was there is afterwards in the directory `keptIn`, if one is named.
   * Rejects with UnusableDatabase, for one when anybody has the old store open.
   */
  putInPlace(keptIn: string | undefined): Promise<void>;
}

/** Copies a backup into a directory below the store's, which goes with the scope. */
export function stageBackup(file: string, directory: string): StagedStore {
  const staging = mkdtempSync(join(directory, stagingPrefix));
  const dispose = (): void => rmSync(staging, { recursive: true, force: true });
  const by = join(staging, storeFileName);
  try {
    closeSync(openSync(by, "wx", 0o600));
    copyFileSync(file, by);
  } catch (thrown) {
    dispose();
    throw thrown;
  }
  return {
    directory: staging,
    putInPlace: async (keptIn) => {
      if (existsSync(`${by}-wal`)) throw new Error(`${by} was not closed as a whole`);
      await runFileTask({ kind: "replace", path: join(directory, storeFileName), by, keptIn });
    },
    [Symbol.dispose]: dispose,
  };
}

/** How the directories of restores begin, of those too that were killed. */
export const stagingPrefix = ".restore-";

function contentsOf(version: number, answers: ReadonlyMap<string, bigint>): BackupContents {
  const number = (name: string): bigint => answers.get(name) ?? 0n;
  return { version, entries: number("entries"), conversations: number("conversations") };
}

function assertFree(file: string, force: boolean): void {
  if (force || !existsSync(file)) return;
  throw new UnusableDatabase("busy", `${file} is there already: name another file, or say --force`);
}

/** A directory beside the file, so that the copy and what SQLite keeps beside it go together. */
function partialDirectory(file: string): Disposable & { readonly path: string } {
  const directory = mkdtempSync(`${file}.partial-`);
  return {
    path: join(directory, storeFileName),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
}
