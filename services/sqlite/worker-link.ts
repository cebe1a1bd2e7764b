import { Worker } from "node:worker_threads";
import { UnusableDatabase } from "./failures.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./protocol.ts";

type Answers = Extract<FromWorker, { type: "answers" }>;

/** What the owner of a link is told. */
export interface LinkListener {
  readonly onAnswers: (answers: Answers) => void;
  /** The write-ahead log was too large, and was emptied or not. */
  readonly onLog: (emptied: boolean) => void;
  /** The thread ended, asked or not. Comes once, and only after `ready` was fulfilled. */
  readonly onEnd: (why: string) => void;
}

/** One life of a worker thread, from its start to its end; a restart makes a new link. */
export class WorkerLink {
  /** Fulfilled when the file is open; rejects with UnusableDatabase. */
  readonly ready: Promise<void>;
  /** Fulfilled when the thread has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;

  constructor(settings: WorkerSettings, listener: LinkListener) {
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.ready = started.promise;
    this.ended = ended.promise;
    // The thread inherits no flags: those of a test runner or debugger would load more into it.
    this.#worker = new Worker(new URL("./database-worker.ts", import.meta.url), {
      workerData: settings,
      execArgv: [],
      name: "parley-sqlite",
    });
    let why = "the worker thread ended";
    this.#worker.on("error", (error) => {
      why = `the worker thread failed: ${String(error)}`;
    });
    this.#worker.on("exit", (code) => {
      started.reject(new UnusableDatabase("code", `${settings.path} was not opened: ${why} (exit ${code})`));
      ended.resolve();
      void this.ready.then(
        () => listener.onEnd(`${why} (exit ${code})`),
        () => undefined,
      );
    });
    this.#worker.on("message", (message: FromWorker) => {
      if (message.type === "answers") listener.onAnswers(message);
      if (message.type === "log") listener.onLog(message.emptied);
      if (message.type === "ready") started.resolve();
      if (message.type === "unusable") {
        started.reject(new UnusableDatabase(message.reason, message.message));
      }
    });
  }

  /** Throws a DataCloneError when a message holds what cannot cross threads; nothing was sent then. */
  post(message: ToWorker): void {
    // The empty list says that nothing is transferred: all is copied.
    this.#worker.postMessage(message, []);
  }

  /** Ends the thread as soon as it is not inside a system call. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
