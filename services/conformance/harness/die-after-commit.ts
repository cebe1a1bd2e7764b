import { existsSync, readFileSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { type SQLInputValue, StatementSync } from "node:sqlite";
import workerThreads, { isMainThread, Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Loaded into a node before its own code. When the order file exists, the process kills itself just after the next
 * commit of an entry whose conversation's id begins with what the file says: the entry is durable, and neither its
 * sender nor anybody else has heard of it. The order is removed first, so that it is carried out once.
 */
const orderFile = process.env["DIE_AFTER_COMMIT_ORDER"] ?? "";

if (isMainThread) loadIntoWorkers();
else watchCommits();

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

function watchCommits(): void {
  const written = new Set<string>();
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes the statement of each call on
  StatementSync.prototype.run = new Proxy(StatementSync.prototype.run, {
    apply(run, statement: StatementSync, values: SQLInputValue[]) {
      const result: unknown = Reflect.apply(run, statement, values);
      const sql = statement.sourceSQL;
      if (sql.startsWith("BEGIN")) written.clear();
      if (sql.startsWith("INSERT INTO entry ")) {
        for (const value of values) if (typeof value === "string") written.add(value);
      }
      if (sql === "COMMIT") carryOut(written);
      return result;
    },
  });
}

function carryOut(written: ReadonlySet<string>): void {
  if (written.size === 0 || !existsSync(orderFile)) return;
  const prefix = readFileSync(orderFile, "utf8");
  if (prefix === "" || ![...written].some((value) => value.startsWith(prefix))) return;
  rmSync(orderFile);
  process.kill(process.pid, "SIGKILL");
}
