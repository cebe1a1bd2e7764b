import { existsSync, readFileSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { type SQLInputValue, StatementSync } from "node:sqlite";
import workerThreads, { isMainThread, Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Loaded into a node before its own code. While the order file exists, the process does what it says at the next commit
 * of an entry whose conversation's id begins with what the file says, for example `die-after g-`:
 *
 * - `die-after`: it kills itself just after the commit. The entry is durable, and neither its sender nor anybody else has
 *   heard of it.
 * - `freeze-before`: it stops itself just before the commit, as SIGSTOP from outside may, and holds the store's write lock
 *   until it is let go on or killed.
 *
 * The order is removed first, so that it is carried out once.
 */
const orderFile = process.env["COMMIT_ORDER_FILE"] ?? "";

/** The stop is for the process as a whole, and this thread may run on until it reaches it; in milliseconds. */
const stopMsMax = 50;

if (isMainThread) {
  loadIntoWorkers();
  await watchInserts();
} else {
  watchCommits();
}

/** The threads that write inherit no flags, so they are told. */
function loadIntoWorkers(): void {
  class LoadedWorker extends Worker {
    constructor(url: string | URL, options: WorkerOptions = {}) {
      super(url, { ...options, execArgv: [...(options.execArgv ?? []), "--import", import.meta.url] });
    }
  }
  workerThreads.Worker = LoadedWorker;
  syncBuiltinESMExports();
}

/** MongoDB's driver works in the main thread; a write that it says is done is on a majority. It holds no lock to freeze with. */
async function watchInserts(): Promise<void> {
  const { Collection } = await import("mongodb");
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes the collection of each call on
  Collection.prototype.insertMany = new Proxy(Collection.prototype.insertMany, {
    async apply(insertMany, collection: { readonly collectionName: string }, given: unknown[]) {
      const result: unknown = await Reflect.apply(insertMany, collection, given);
      const written = collection.collectionName === "entry" ? conversationsOf(given[0]) : [];
      if (takeOrder("die-after", new Set(written))) process.kill(process.pid, "SIGKILL");
      return result;
    },
  });
}

function conversationsOf(documents: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(documents) ? documents : [];
  return list.flatMap((one) =>
    typeof one === "object" && one !== null && "conversationId" in one ? [String(one.conversationId)] : [],
  );
}

function watchCommits(): void {
  const written = new Set<string>();
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes the statement of each call on
  StatementSync.prototype.run = new Proxy(StatementSync.prototype.run, {
    apply(run, statement: StatementSync, values: SQLInputValue[]) {
      const sql = statement.sourceSQL;
      if (sql === "COMMIT" && takeOrder("freeze-before", written)) freeze();
      const result: unknown = Reflect.apply(run, statement, values);
      if (sql.startsWith("BEGIN")) written.clear();
      if (sql.startsWith("INSERT INTO entry ")) {
        for (const value of values) if (typeof value === "string") written.add(value);
      }
      if (sql === "COMMIT" && takeOrder("die-after", written)) process.kill(process.pid, "SIGKILL");
      return result;
    },
  });
}

/** Whether there is an order to do so with a transaction that wrote these values. */
function takeOrder(what: "die-after" | "freeze-before", written: ReadonlySet<string>): boolean {
  if (written.size === 0 || !existsSync(orderFile)) return false;
  const [ordered, prefix = ""] = readFileSync(orderFile, "utf8").split(" ");
  if (ordered !== what || prefix === "") return false;
  if (![...written].some((value) => value.startsWith(prefix))) return false;
  rmSync(orderFile);
  return true;
}

function freeze(): void {
  process.kill(process.pid, "SIGSTOP");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stopMsMax);
}
