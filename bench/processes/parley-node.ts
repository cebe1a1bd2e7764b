import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { MemoryFigures } from "./memory-probe.ts";

const launcher = fileURLToPath(new URL("../../services/cli/parley.js", import.meta.url));
const memoryProbe = new URL("memory-probe.ts", import.meta.url).href;

/** Milliseconds that a node has to end after a signal before it is killed. */
const exitMsMax = 20_000;

/** One started `parley dev`. */
export interface ParleyNode extends AsyncDisposable {
  readonly pid: number;
  /** Base URLs of its listeners. */
  readonly public: string;
  readonly admin: string;
  /** Milliseconds from starting the process to its ready line. */
  readonly readyMs: number;
  /** Memory after garbage collection; only when it was started with `probed`. */
  memory(): Promise<MemoryFigures>;
  /**
   * The sum or count of a histogram, or the value of a counter or gauge, from /metrics, by its name with its labels; 0 when it
   * is not there.
   */
  metric(name: string): Promise<number>;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** How a node is started. */
export interface ParleyNodeOptions {
  readonly directory: string;
  /** Settings as flags of the command. */
  readonly flags?: readonly string[];
  /** Lets `memory` be asked. */
  readonly probed?: boolean;
  /** Where the profile of its processor time is written when it ends. */
  readonly profileDirectory?: string | undefined;
}

/** Settings under which one address may act for all the accounts of a benchmark. Nothing on the measured path changes. */
export const manyAccountsFlags = Object.entries({
  "rate-address-factor": 100_000,
  "rate-secret-per-second": 10_000,
  "rate-secret-burst": 100_000,
  "rate-stream-per-second": 10_000,
  "rate-stream-burst": 100_000,
  "session-attaches-per-second": 100_000,
  "password-memory-kib": 64,
}).flatMap(([name, value]) => [`--${name}`, String(value)]);

/** Starts a node and waits for its ready line. Throws with what it wrote when it ends before. */
export async function startParley(options: ParleyNodeOptions): Promise<ParleyNode> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [...nodeOptionsOf(options), launcher, ...argumentsOf(options)], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: withoutSettings(),
  });
  endWithUs(child);
  const errors: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const ready = await readyLine(child, errors);
  const readyMs = performance.now() - startedMs;
  return {
    pid: child.pid ?? 0,
    ...ready,
    readyMs,
    memory: async () => {
      const answer = once(child, "message");
      child.send("memory");
      const [figures]: MemoryFigures[] = await answer;
      if (figures === undefined) throw new Error("the node did not answer the probe");
      return figures;
    },
    metric: async (name) => {
      const text = await (await fetch(`${ready.admin}/metrics`)).text();
      const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
      return Number(line?.split(" ")[1] ?? 0);
    },
    kill: (signal) => end(child, signal),
    [Symbol.asyncDispose]: () => end(child, "SIGTERM"),
  };
}

/** Makes accounts from a file of JSON lines; the node must not be running. */
export function importAccounts(directory: string, file: string): void {
  runParley("user", "import", file, "--data", directory);
}

/** Makes the authority of a cluster in a directory of its own. */
export function makeAuthority(directory: string): void {
  runParley("cert", "authority", "--cluster", "bench", "--directory", directory);
}

/** Makes the certificate of a node, in place of an earlier one, and answers the flags with which the node takes it. */
export function makeCertificate(directory: string, nodeId: string): string[] {
  runParley("cert", "node", nodeId, "--directory", directory, "--replace");
  return Object.entries({
    "cluster-name": "bench",
    "mesh-certificate-file": join(directory, `${nodeId}.pem`),
    "mesh-key-file": join(directory, `${nodeId}.key`),
    "mesh-authority-file": join(directory, "authority.pem"),
  }).flatMap(([name, value]) => [`--${name}`, value]);
}

function runParley(...argv: string[]): void {
  execFileSync(process.execPath, [launcher, ...argv], { stdio: "pipe", env: withoutSettings() });
}

/** Settings in the environment of whoever measures are for their own nodes. */
function withoutSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PARLEY_")));
}

function nodeOptionsOf(options: ParleyNodeOptions): string[] {
  return [
    ...(options.probed === true ? ["--expose-gc", "--import", memoryProbe] : []),
    ...(options.profileDirectory === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${options.profileDirectory}`]),
  ];
}

function argumentsOf({ directory, flags = [] }: ParleyNodeOptions): string[] {
  return [
    "dev",
    "--data",
    directory,
    "--public-port",
    "0",
    "--mesh-port",
    "0",
    "--admin-port",
    "0",
    "--json",
    ...flags,
  ];
}

async function readyLine(
  child: ChildProcess,
  errors: readonly string[],
): Promise<{ readonly public: string; readonly admin: string }> {
  if (child.stdout === null) throw new Error("the node has no output");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    // The contract of --json: one object per line, the ready line among them.
    const said: { event?: string; public: string; admin: string } = JSON.parse(line);
    if (said.event === "ready") return { public: said.public, admin: said.admin };
  }
  throw new Error(`the node ended before it was ready: ${errors.join("")}`);
}

/** However this process ends, short of SIGKILL, the node does not outlive it. */
function endWithUs(child: ChildProcess): void {
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  const impatience = setTimeout(() => child.kill("SIGKILL"), exitMsMax);
  await exit;
  clearTimeout(impatience);
}
