import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** How long a start may take before it counts as hung; ten times what it takes on a loaded machine. In milliseconds. */
export const readyMsMax = 30_000;

/** How long a process may take to end after a signal before it is killed. In milliseconds. */
export const exitMsMax = 20_000;

/** Lines of its log that are kept; the oldest go. */
export const logLinesMax = 500;

const launcher = fileURLToPath(new URL("../../cli/parley.js", import.meta.url));
const commitOrder = new URL("commit-order.ts", import.meta.url).href;
const nodeBinary = createRequire(import.meta.url).resolve("node/bin/node");

const readyLine = z.object({ event: z.literal("ready"), public: z.url(), admin: z.url() });

/** How to run a node. */
export interface ParleyOptions {
  /** `dev` unless told otherwise. */
  readonly mode?: "dev" | "serve";
  /** Settings as flags, for example `["--rate-send-per-second", "100000"]`. */
  readonly flags?: readonly string[];
  /** A directory that it shares with others and that stays when it ends; one of its own unless told otherwise. */
  readonly dataDirectory?: string;
  /** Where it listens for other nodes, at each start; a free port unless told otherwise. */
  readonly meshPort?: number;
  /** A file that makes it kill or stop itself at a commit, as `harness/commit-order.ts` says; it never does when unset. */
  readonly commitOrderFile?: string;
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Addresses of a node that is ready, and how long it took from the spawn, in milliseconds. */
export interface Readiness {
  readonly publicUrl: string;
  readonly adminUrl: string;
  readonly readyMs: number;
}

/** One node in a process of its own, on a directory that outlives its restarts. */
export interface ParleyProcess extends AsyncDisposable {
  readonly publicUrl: string;
  readonly adminUrl: string;
  readonly dataDirectory: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** The newest lines that it logged, of all its runs. */
  readonly logs: readonly string[];
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<ProcessExit>;
  /** Waits for the end of the process that runs now. */
  ended(): Promise<ProcessExit>;
  /** Starts it again after `kill`, on the same directory and ports. */
  restart(): Promise<Readiness>;
  /** Ends it however it stands, frozen too, and removes its directory unless that is a shared one. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a node on free ports and a temporary or shared directory, and resolves when it is ready. Rejects, with the end of
 * its log, when it ends before that or is not ready in `readyMsMax`.
 */
export async function startParley(options: ParleyOptions = {}): Promise<ParleyProcess> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "parley-conformance-"));
  const removeDirectory = (): void => {
    if (options.dataDirectory === undefined) rmSync(dataDirectory, { recursive: true, force: true });
  };
  const logs: string[] = [];
  const argv = [launcher, options.mode ?? "dev", "--data", dataDirectory, "--json", ...(options.flags ?? [])];
  const order = options.commitOrderFile;
  const preload = order === undefined ? [] : ["--import", commitOrder];
  const environment = order === undefined ? {} : { COMMIT_ORDER_FILE: order };
  const run = (ports: readonly string[]): Promise<Run> =>
    startRun([...preload, ...argv, ...ports], { logs, environment });
  const meshPort = ["--mesh-port", `${options.meshPort ?? 0}`];
  try {
    const first = await run(["--public-port", "0", "--admin-port", "0", ...meshPort]);
    const again = (ports: readonly string[]): Promise<Run> => run([...ports, ...meshPort]);
    return handleOf(first, again, { dataDirectory, logs, removeDirectory });
  } catch (error) {
    removeDirectory();
    throw error;
  }
}

/** Resident memory of a process in bytes, as the kernel counts it. Linux only: elsewhere undefined. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(?<kib>\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.groups?.[
      "kib"
    ];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

interface Run extends Readiness {
  readonly child: ChildProcess;
  readonly exit: Promise<ProcessExit>;
}

function handleOf(
  first: Run,
  run: (ports: readonly string[]) => Promise<Run>,
  kept: { readonly dataDirectory: string; readonly logs: readonly string[]; removeDirectory(): void },
): ParleyProcess {
  let current = first;
  const [publicPort, adminPort] = [first.publicUrl, first.adminUrl].map((url) => new URL(url).port);
  const ports = ["--public-port", `${publicPort}`, "--admin-port", `${adminPort}`];
  return {
    publicUrl: first.publicUrl,
    adminUrl: first.adminUrl,
    dataDirectory: kept.dataDirectory,
    logs: kept.logs,
    get pid() {
      return current.child.pid ?? 0;
    },
    kill: (signal) => endOf(current, signal),
    ended: () => current.exit,
    restart: async () => {
      current = await run(ports);
      return current;
    },
    [Symbol.asyncDispose]: async () => {
      await endOf(current, "SIGKILL");
      kept.removeDirectory();
    },
  };
}

async function endOf(run: Run, signal: NodeJS.Signals): Promise<ProcessExit> {
  run.child.kill(signal);
  const late = setTimeout(() => run.child.kill("SIGKILL"), exitMsMax);
  try {
    return await run.exit;
  } finally {
    clearTimeout(late);
  }
}

async function startRun(
  argv: readonly string[],
  { logs, environment }: { readonly logs: string[]; readonly environment: NodeJS.ProcessEnv },
): Promise<Run> {
  const startedMs = performance.now();
  // The binary itself and no shell or launcher in between, so that a signal reaches the node and nothing else.
  const child = spawn(nodeBinary, argv, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...withoutSettings(), ...environment },
  });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const exit = new Promise<ProcessExit>((resolve, reject) => {
    child.once("exit", (code, signal) => {
      process.removeListener("exit", killWithUs);
      resolve({ code, signal });
    });
    child.once("error", reject);
  });
  keepLines(child.stderr, logs);
  const output = createInterface({ input: child.stdout });
  const ready = new Promise<z.infer<typeof readyLine>>((resolve) => {
    output.on("line", (line) => {
      const parsed = readyLine.safeParse(parseJson(line));
      if (parsed.success) resolve(parsed.data);
    });
  });
  const failed = exit.then(({ code, signal }): never => {
    throw new Error(`the node ended before it was ready (${code ?? signal}):\n${logs.slice(-20).join("\n")}`);
  });
  const late = setTimeout(() => child.kill("SIGKILL"), readyMsMax);
  try {
    const addresses = await Promise.race([ready, failed]);
    const readyMs = performance.now() - startedMs;
    return { child, exit, publicUrl: addresses.public, adminUrl: addresses.admin, readyMs };
  } finally {
    clearTimeout(late);
    // Its rejection at the normal end is nobody's concern any more.
    failed.catch(() => undefined);
  }
}

/** Settings in the environment of whoever runs the tests are for their own nodes. */
function withoutSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PARLEY_")));
}

function keepLines(input: NodeJS.ReadableStream, logs: string[]): void {
  createInterface({ input }).on("line", (line) => {
    logs.push(line);
    if (logs.length > logLinesMax) logs.shift();
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
