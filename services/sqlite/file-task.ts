import { Worker } from "node:worker_threads";
import { UnusableDatabase } from "./failures.ts";
import type { FileFindings, FileTask, FromFileWorker } from "./file-worker.ts";

/** What whoever waits for a task may bring along. */
export interface FileTaskOptions {
  /** Told from time to time how much of a copy is done, from 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined;
  /** Ends the task; what it has written by then is left for the caller to remove. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does one thing with a whole file in a thread of its own: copies it, looks at it, or puts another one in its place. Rejects
 * with UnusableDatabase when the file is not what was expected or SQLite or the file system refused, and with the signal's
 * reason when that came first.
 */
export async function runFileTask(task: FileTask, options: FileTaskOptions = {}): Promise<FileFindings> {
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<FileFindings>();
  const worker = new Worker(new URL("./file-worker.ts", import.meta.url), {
    workerData: task,
    execArgv: [],
    name: "parley-sqlite-file",
  });
  worker.on("error", reject);
  worker.on("exit", (code) => reject(new Error(`the thread that worked on ${task.path} ended with ${code}`)));
  worker.on("message", (message: FromFileWorker) => {
    if (message.type === "progress") onProgress?.(message.done);
    if (message.type === "done") resolve(message.findings);
    if (message.type === "unusable") reject(new UnusableDatabase(message.reason, message.message));
  });
  const abort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    await worker.terminate();
  }
}
