import { performance } from "node:perf_hooks";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { effectivePragmas } from "./effective-pragmas.ts";
import { UnusableDatabase } from "./failures.ts";
import { loadProcedures, type Procedures } from "./load-procedures.ts";
import { LogTruncation } from "./log-truncation.ts";
import { type OpenFile, openFile } from "./open-file.ts";
import type { Answer, FromWorker, Request, ToWorker, WorkerSettings } from "./protocol.ts";
import { primaryCodeOf, resultCodes } from "./sqlite-error.ts";
import { callProcedure, commitBatch, refusalOf } from "./write-batch.ts";

/**
 * The thread that owns the file. It takes everything that has arrived, answers the reads over one
 * snapshot, commits the writes in one transaction, and looks again: whatever came in during a commit
 * shares the next one, without a timer.
 */
class DatabaseWorker {
  readonly #port: MessagePort;
  readonly #settings: WorkerSettings;
  readonly #file: OpenFile;
  readonly #procedures: Procedures;
  readonly #log: LogTruncation;
  #reads: Request[] = [];
  #writes: Request[] = [];
  #closing = false;

  constructor(port: MessagePort, settings: WorkerSettings, file: OpenFile, procedures: Procedures) {
    this.#port = port;
    this.#settings = settings;
    this.#file = file;
    this.#procedures = procedures;
    this.#log = new LogTruncation(file.writer, settings);
  }

  /** Handles `message` and all that follow it, until nothing is left. Blocks the thread meanwhile. */
  work(message: ToWorker): void {
    this.#take(message);
    do {
      this.#drainPort();
      this.#serveReads();
      this.#commitWrites();
    } while (this.#reads.length > 0 || this.#writes.length > 0);
    if (this.#closing) this.#close();
  }

  #take(message: ToWorker): void {
    if (message.type === "close") {
      this.#closing = true;
      return;
    }
    for (const request of message.requests) {
      (request.kind === "write" ? this.#writes : this.#reads).push(request);
    }
  }

  #drainPort(): void {
    for (;;) {
      const received: { message: ToWorker } | undefined = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#take(received.message);
    }
  }

  #serveReads(): void {
    const requests = this.#reads.splice(0, this.#settings.limits.readsPerSnapshotMax);
    if (requests.length === 0) return;
    const { reader } = this.#file;
    try {
      reader.control("BEGIN");
    } catch (thrown) {
      this.#send(requests.map((request) => ({ id: request.id, ...refusalOf(thrown) })));
      return;
    }
    const answers = requests.map((request) => this.#read(request));
    if (reader.database.isTransaction) reader.control("COMMIT");
    this.#send(answers);
  }

  #read(request: Request): Answer {
    const { reader, writer } = this.#file;
    try {
      const value =
        request.kind === "pragmas"
          ? effectivePragmas({ writer, reader })
          : callProcedure(reader, request, this.#procedures.read);
      return { id: request.id, outcome: "done", value };
    } catch (thrown) {
      return { id: request.id, ...refusalOf(thrown) };
    }
  }

  #commitWrites(): void {
    if (this.#writes.length === 0) return;
    const refusal = this.#begin();
    const requests = this.#writes.splice(0, this.#settings.limits.writesPerTransactionMax);
    if (refusal !== undefined) {
      this.#send(requests.map((request) => ({ id: request.id, ...refusalOf(refusal.thrown) })));
      return;
    }
    const answers = commitBatch(this.#file.writer, requests, this.#procedures.write);
    this.#send(answers, requests.length);
    const emptied = this.#log.afterCommit();
    if (emptied !== undefined) post(this.#port, { type: "log", emptied });
  }

  /** Waits for the write lock in slices and serves reads in between; gives back what refused it at last. */
  #begin(): { readonly thrown: unknown } | undefined {
    const deadlineMs = performance.now() + this.#settings.busyTimeoutMs;
    for (;;) {
      try {
        this.#file.writer.control("BEGIN IMMEDIATE");
        return undefined;
      } catch (thrown) {
        if (primaryCodeOf(thrown) !== resultCodes.busy || performance.now() >= deadlineMs) return { thrown };
        this.#drainPort();
        this.#serveReads();
      }
    }
  }

  /** One message for all answers; when one of them cannot be cloned, each goes alone. */
  #send(answers: readonly Answer[], committed = 0): void {
    try {
      post(this.#port, { type: "answers", answers, committed });
    } catch {
      for (const answer of answers) this.#sendAlone(answer, committed > 0);
    }
  }

  #sendAlone(answer: Answer, written: boolean): void {
    try {
      post(this.#port, { type: "answers", answers: [answer], committed: 0 });
    } catch (thrown) {
      const { id } = answer;
      const message = `The result cannot be sent between threads: ${String(thrown)}`;
      const failed: Answer = written
        ? { id, outcome: "unknown", message: `Committed, but: ${message}`, resultCode: undefined }
        : { id, ...refusalOf(new Error(message)) };
      post(this.#port, { type: "answers", answers: [failed], committed: 0 });
    }
  }

  #close(): void {
    const { reader, writer } = this.#file;
    reader.close();
    try {
      writer.control("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Best effort: what is left in the log is committed, and the next one to open the file reads it.
    }
    writer.close();
    post(this.#port, { type: "closed" });
    this.#port.close();
  }
}

function post(port: MessagePort, message: FromWorker): void {
  port.postMessage(message);
}

/** Opens the file, says so, and serves until told to close. What cannot be opened is said and ends it. */
async function main(port: MessagePort, settings: WorkerSettings): Promise<void> {
  try {
    const procedures = await loadProcedures(settings.proceduresUrl);
    const worker = new DatabaseWorker(port, settings, openFile(settings), procedures);
    port.on("message", (message: ToWorker) => worker.work(message));
    post(port, { type: "ready" });
  } catch (thrown) {
    if (!(thrown instanceof UnusableDatabase)) throw thrown;
    post(port, { type: "unusable", reason: thrown.reason, message: thrown.message });
  }
}

if (parentPort !== null) await main(parentPort, workerData);
