import { closeSync, fsyncSync, openSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { backup, DatabaseSync } from "node:sqlite";
import { askAll, assertExpected, assertWhole } from "./examine-file.ts";
import { UnusableDatabase } from "./failures.ts";
import type { FileFindings, FileTask } from "./file-worker.ts";
import { copyPagesMax, copyPauseMsMax, copyProgressMs } from "./limits.ts";
import { primaryCodeOf, resultCodes } from "./sqlite-error.ts";

type CopyTask = Extract<FileTask, { kind: "copy" }>;

/**
 * Copies within one snapshot, which the transaction holds: without it SQLite would begin anew each time that another
 * process wrote, and never come to an end. Writers go on; the write-ahead log is not begun anew meanwhile. After each part
 * it rests as long as that took, so that half of what the disk can do is left to others.
 */
export async function copyFile(task: CopyTask, onProgress: (done: number) => void): Promise<FileFindings> {
  await copyPages(task, onProgress);
  const findings = finishCopy(task);
  const file = openSync(task.to, "r+");
  fsyncSync(file);
  closeSync(file);
  return findings;
}

async function copyPages(
  { path, to, expected }: CopyTask,
  onProgress: (done: number) => void,
): Promise<void> {
  const source = openSource(path);
  try {
    source.exec("BEGIN");
    assertExpected(source, path, expected);
    let partMs = performance.now();
    let toldMs = partMs;
    await backup(source, to, {
      rate: copyPagesMax,
      progress: ({ totalPages, remainingPages }) => {
        const nowMs = performance.now();
        rest(Math.min(nowMs - partMs, copyPauseMsMax));
        partMs = performance.now();
        if (nowMs - toldMs < copyProgressMs) return;
        toldMs = nowMs;
        onProgress(1 - remainingPages / totalPages);
      },
    });
  } finally {
    source.close();
  }
}

function openSource(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly: true, readBigInts: true, timeout: 2_000 });
  } catch (thrown) {
    if (primaryCodeOf(thrown) !== resultCodes.cannotOpen) throw thrown;
    throw new UnusableDatabase("missing", `there is no database at ${path}`);
  }
}

/** Makes one file of it that needs no log beside it, and makes sure that it is whole. */
function finishCopy({ to, expected, questions }: CopyTask): FileFindings {
  const copy = new DatabaseSync(to, { readBigInts: true });
  try {
    copy.prepare("PRAGMA journal_mode = DELETE").get();
    const version = assertExpected(copy, to, expected);
    assertWhole(copy, to);
    return { version, answers: askAll(copy, questions) };
  } finally {
    copy.close();
  }
}

function rest(delayMs: number): void {
  if (delayMs >= 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
}
