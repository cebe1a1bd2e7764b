import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UnusableDatabase } from "./failures.ts";
import type { FileTask } from "./file-worker.ts";
import { primaryCodeOf, resultCodes } from "./sqlite-error.ts";

type ReplaceTask = Extract<FileTask, { kind: "replace" }>;

/** What SQLite keeps beside a database: committed rows may be in the log alone. */
const companions = ["-wal", "-shm", "-journal"];

/**
 * The old file is first made whole without its log, which SQLite refuses while anybody has it open. From then on it is one
 * file, so that one rename leaves either the old database or the new one, wherever this process is killed.
 */
export function replaceFile(task: ReplaceTask): void {
  const { path, by } = task;
  const old = existsSync(path) ? seclude(path) : undefined;
  try {
    if (old === undefined) removeCompanions(task);
    else keep(task, path);
    renameSync(by, path);
    syncDirectory(dirname(path));
  } finally {
    old?.close();
  }
}

/** Writes the log into the file and removes it, and keeps everybody out. Undefined for a file that is too damaged for that. */
function seclude(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 2_000 });
  try {
    const mode = database.prepare("PRAGMA journal_mode = DELETE").get()?.["journal_mode"];
    if (mode === "wal") throw inUse(path);
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (thrown) {
    database.close();
    const code = primaryCodeOf(thrown);
    if (code === resultCodes.busy) throw inUse(path);
    if (code === resultCodes.notADatabase || code === resultCodes.corrupt) return undefined;
    throw thrown;
  }
}

/** For a file that cannot be opened, and for a log without a file: nothing of it may stay beside the new one. */
function removeCompanions(task: ReplaceTask): void {
  const { path } = task;
  const present = companions.map((suffix) => path + suffix).filter((file) => existsSync(file));
  for (const file of [path, ...present]) if (existsSync(file)) keep(task, file);
  for (const file of present) rmSync(file);
  syncDirectory(dirname(path));
}

/** A second name for the same file, so that it is at its place until the rename. */
function keep({ keptIn }: ReplaceTask, file: string): void {
  if (keptIn === undefined) return;
  mkdirSync(keptIn, { recursive: true, mode: 0o700 });
  const to = join(keptIn, basename(file));
  try {
    linkSync(file, to);
  } catch {
    // A file system without such names.
    copyFileSync(file, to);
  }
  syncDirectory(keptIn);
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
}

function inUse(path: string): UnusableDatabase {
  return new UnusableDatabase("busy", `${path} is open in another process: stop it first, frozen ones too`);
}
