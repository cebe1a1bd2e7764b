import { parentPort, workerData } from "node:worker_threads";
import { copyFile } from "./copy-file.ts";
import { examineFile } from "./examine-file.ts";
import { UnusableDatabase, type UnusableReason } from "./failures.ts";
import { replaceFile } from "./replace-file.ts";
import { sqliteErrorOf } from "./sqlite-error.ts";

/** What a file must be to be worked on. */
export interface ExpectedFile {
  readonly applicationId: number;
  /** The newest `user_version` that this program knows. */
  readonly versionMax: number;
}

/** One thing to do with a whole file. */
export type FileTask =
  /** Copies a database that others may be writing, as it is at one moment, into the empty file `to`. */
  | {
      readonly kind: "copy";
      readonly path: string;
      readonly to: string;
      readonly expected: ExpectedFile;
      /** Questions that the copy is asked at the end, by name; each answers one INTEGER. */
      readonly questions: Readonly<Record<string, string>>;
    }
  /** Checks every page and index of a file that nobody writes, and asks it. Changes nothing. */
  | {
      readonly kind: "examine";
      readonly path: string;
      readonly expected: ExpectedFile;
      readonly questions: Readonly<Record<string, string>>;
      /** Questions over another database too, which they name `other`; not answered when it cannot be read. */
      readonly comparison:
        | { readonly path: string; readonly questions: Readonly<Record<string, string>> }
        | undefined;
    }
  /**
   * Puts the file `by` in the place of a database that nobody has open, as one step. What was there goes on living in the
   * directory `keptIn`, if one is named.
   */
  | {
      readonly kind: "replace";
      readonly path: string;
      readonly by: string;
      readonly keptIn: string | undefined;
    };

/** What came out. */
export interface FileFindings {
  /** Of the file, where it was looked at; else 0. */
  readonly version: number;
  readonly answers: ReadonlyMap<string, bigint>;
}

/** What the thread says. */
export type FromFileWorker =
  | { readonly type: "progress"; readonly done: number }
  | { readonly type: "done"; readonly findings: FileFindings }
  | { readonly type: "unusable"; readonly reason: UnusableReason; readonly message: string };

async function run(task: FileTask, onProgress: (done: number) => void): Promise<FileFindings> {
  if (task.kind === "copy") return copyFile(task, onProgress);
  if (task.kind === "examine") return examineFile(task);
  replaceFile(task);
  return { version: 0, answers: new Map() };
}

/** Errors of SQLite and of the file system are the operator's to mend; others are bugs and end the thread. */
function unusableOf(thrown: unknown, path: string): UnusableDatabase | undefined {
  if (thrown instanceof UnusableDatabase) return thrown;
  const error = sqliteErrorOf(thrown);
  if (error !== undefined) {
    return new UnusableDatabase("missing", `${path}: ${error.message} (result code ${error.resultCode})`);
  }
  const isOfFiles = thrown instanceof Error && "syscall" in thrown;
  return isOfFiles ? new UnusableDatabase("missing", `${path}: ${thrown.message}`) : undefined;
}

async function main(task: FileTask): Promise<void> {
  // Copied, like all that this thread says: nothing is transferred.
  const post = (message: FromFileWorker): void => parentPort?.postMessage(message, []);
  try {
    post({ type: "done", findings: await run(task, (done) => post({ type: "progress", done })) });
  } catch (thrown) {
    const unusable = unusableOf(thrown, task.kind === "copy" ? task.to : task.path);
    if (unusable === undefined) throw thrown;
    post({ type: "unusable", reason: unusable.reason, message: unusable.message });
  }
}

if (parentPort !== null) await main(workerData);
