import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ferretdb, goToolDirectory } from "./go-tools.ts";

/** The longest that a start or an end of the server may take, in milliseconds. */
const answerMsMax = 10_000;

/** A server that speaks MongoDB's protocol. */
export interface MongoServer extends AsyncDisposable {
  /** Without a database's name; ends with a slash. */
  readonly url: string;
  /** To do harm to it; undefined for a server that was there before. */
  readonly process: MongoProcess | undefined;
}

/** The process of a server. */
export interface MongoProcess {
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, after a kill, on its port and with what it holds. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** What a machine lacks for `startMongoServer`, by name. */
export function missingForMongo(): readonly string[] {
  return isStandIn() && goToolDirectory(ferretdb) === undefined ? [ferretdb.name] : [];
}

/** Whether `startMongoServer` starts FerretDB, so that tests should be small. */
export function isStandIn(): boolean {
  return givenUrl() === undefined;
}

/** Starts FerretDB, a stand-in for MongoDB, or answers the real server that `PARLEY_TEST_MONGO_URL` names. */
export async function startMongoServer(): Promise<MongoServer> {
  const url = givenUrl();
  if (url === undefined) return startFerretdb();
  return { url, process: undefined, [Symbol.asyncDispose]: async () => undefined };
}

/**
 * Starts FerretDB on a new directory, at an address or on a free port of loopback. The process ends with the scope, and by
 * itself when its parent dies.
 */
export async function startFerretdb(at = "127.0.0.1:0"): Promise<MongoServer> {
  const directory = mkdtempSync(join(tmpdir(), "parley-mongo-"));
  let child = spawnServer(at, directory);
  const dispose = async (): Promise<void> => {
    await endProcess(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const url = await firstLine(child);
    const harm: MongoProcess = {
      kill: async () => {
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      },
      start: async () => {
        child = spawnServer(new URL(url).host, directory);
        await firstLine(child);
      },
      freeze: () => void child.kill("SIGSTOP"),
      thaw: () => void child.kill("SIGCONT"),
    };
    return { url, process: harm, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function givenUrl(): string | undefined {
  const url = process.env["PARLEY_TEST_MONGO_URL"];
  return url === undefined || url === "" ? undefined : url;
}

function spawnServer(address: string, directory: string): ChildProcess {
  const program = join(goToolDirectory(ferretdb) ?? "", ferretdb.name);
  // The socket of one that was killed would keep the next from taking its place.
  rmSync(join(directory, "socket"), { force: true });
  return spawn(program, [address, directory], { stdio: ["pipe", "pipe", "inherit"] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const timer = setTimeout(() => reject(new Error("FerretDB does not answer")), answerMsMax);
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`FerretDB ended with ${code}`)));
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Closes its input, which it ends with; kills it when it does not. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.stdin?.end();
  // It may have been frozen.
  child.kill("SIGCONT");
  const timer = setTimeout(() => child.kill("SIGKILL"), answerMsMax);
  await gone;
  clearTimeout(timer);
}
