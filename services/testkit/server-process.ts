import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The process of a server, to do harm to it. */
export interface ServerProcess {
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, after a kill, on its port and with what it holds. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** A server that was started, with the address that it said. */
export interface StartedServer extends AsyncDisposable {
  readonly address: string;
  readonly process: ServerProcess;
}

/** How a server is run. */
export interface ServerProgram {
  /** For people, and in the name of its directory. */
  readonly name: string;
  readonly program: string;
  /** Where it listens at first, as `host:port`; afterwards where it said. */
  readonly at: string;
  /** What it is called with, to listen there and to keep what it holds in the directory. */
  readonly argv: (address: string, directory: string) => readonly string[];
  /** What it is told by the environment besides. */
  readonly environment?: (directory: string) => Readonly<Record<string, string>>;
  /** Which of its outputs says where it listens. The other one goes to standard error, or nowhere. */
  readonly saysAt: "stdout" | "stderr";
  /** Reads `host:port` from what it has said so far; undefined while it is not there. */
  readonly readAddress: (said: string) => string | undefined;
  /** The longest that a start or an end of it may take, in milliseconds. */
  readonly answerMsMax: number;
}

/**
 * Starts a server of a test on a new directory. The process ends with the scope, and by itself when its standard input
 * does, that is with its parent; the directory goes with it.
 */
export async function startServerProcess(server: ServerProgram): Promise<StartedServer> {
  const directory = mkdtempSync(join(tmpdir(), `parley-${server.name}-`));
  let child = spawnServer(server, server.at, directory);
  const dispose = async (): Promise<void> => {
    await endProcess(child, server.answerMsMax);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const address = await servedAddress(server, child);
    return {
      address,
      process: {
        kill: async () => {
          const gone = once(child, "exit");
          child.kill("SIGKILL");
          await gone;
        },
        start: async () => {
          child = spawnServer(server, address, directory);
          await servedAddress(server, child);
        },
        freeze: () => void child.kill("SIGSTOP"),
        thaw: () => void child.kill("SIGCONT"),
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function spawnServer(server: ServerProgram, address: string, directory: string): ChildProcess {
  const { program, argv, environment, saysAt } = server;
  return spawn(program, argv(address, directory), {
    env: { ...process.env, ...environment?.(directory) },
    stdio: saysAt === "stdout" ? ["pipe", "pipe", "inherit"] : ["pipe", "ignore", "pipe"],
  });
}

/** Waits until it says where it listens. What it says later is read to its end, so that it never waits for that. */
async function servedAddress(
  { name, saysAt, readAddress, answerMsMax }: ServerProgram,
  child: ChildProcess,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  let isServing = false;
  const timer = setTimeout(() => reject(new Error(`${name} does not answer: ${said}`)), answerMsMax);
  child.once("error", (error) => reject(new Error(`${name} cannot be started: ${error.message}`)));
  child.once("exit", (code) => reject(new Error(`${name} ended with ${code}: ${said}`)));
  child[saysAt]?.setEncoding("utf8").on("data", (chunk: string) => {
    if (isServing) return;
    said += chunk;
    const address = readAddress(said);
    if (address === undefined) return;
    isServing = true;
    resolve(address);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Closes its input, which it ends with; kills it when it does not. */
async function endProcess(child: ChildProcess, answerMsMax: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.stdin?.end();
  // It may have been frozen.
  child.kill("SIGCONT");
  const timer = setTimeout(() => child.kill("SIGKILL"), answerMsMax);
  await gone;
  clearTimeout(timer);
}
