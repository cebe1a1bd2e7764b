import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";

/** How long a node may take until it is ready before it is killed, in milliseconds. */
export const readyMsMax = 60_000;

const launcher = fileURLToPath(new URL("../parley.js", import.meta.url));

const readySchema = z.object({
  event: z.literal("ready"),
  version: z.string(),
  public: z.url(),
  tls: z.url().nullable(),
  admin: z.url(),
  /** `host:port`; null from a node without a mesh listener. */
  mesh: z.string().nullable().default(null),
  startMs: z.number(),
});

/** Where a node that is ready can be reached. */
export type NodeAddresses = Omit<z.infer<typeof readySchema>, "event">;

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A node in a process of its own. It ends when this process does, however that ends. */
export interface NodeProcess {
  readonly pid: number;
  /** Rejects with a CommandError when it ends before it is ready, or takes longer than `readyMsMax`. */
  readonly ready: Promise<NodeAddresses>;
  readonly ended: Promise<ProcessEnd>;
  send(signal: NodeJS.Signals): void;
}

/** What a node is started with. */
export interface NodeProcessOptions {
  /** What follows `parley dev`: settings, as flags. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told of each line that it logs. */
  onLog(line: string): void;
}

/** Starts a node of `parley dev`, without demo users. */
export function startNodeProcess(options: NodeProcessOptions): NodeProcess {
  // Its standard input is a pipe that nobody writes to: it closes when this process ends, and the node drains then.
  // A group of its own, so that Ctrl-C reaches this process only, which passes it on once.
  const child = spawn(process.execPath, [launcher, "dev", "--supervised", "--json", ...options.flags], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    env: { ...options.environment },
  });
  child.stdin.on("error", () => undefined);
  createInterface({ input: child.stderr }).on("line", (line) => options.onLog(line));
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once("error", () => resolve({ code: exitCodes.startFailed, signal: null }));
    // `close` and not `exit`: what it logged last has been read by then.
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  void ended.then(() => process.removeListener("exit", killWithUs));
  const ready = readyOf(child, createInterface({ input: child.stdout }), ended);
  // Whoever stops a node that still starts does not wait for this.
  ready.catch(() => undefined);
  return { pid: child.pid ?? 0, ready, ended, send: (signal) => void child.kill(signal) };
}

async function readyOf(
  child: ChildProcess,
  output: NodeJS.EventEmitter,
  ended: Promise<ProcessEnd>,
): Promise<NodeAddresses> {
  const said = new Promise<NodeAddresses>((resolve) => {
    output.on("line", (line: string) => {
      const parsed = readySchema.safeParse(parseJson(line));
      if (parsed.success) resolve(parsed.data);
    });
  });
  const failed = ended.then((end): never => {
    throw new CommandError(`it ${describeEnd(end)} before it was ready`, exitCodes.startFailed);
  });
  const late = setTimeout(() => child.kill("SIGKILL"), readyMsMax);
  try {
    return await Promise.race([said, failed]);
  } finally {
    clearTimeout(late);
    // Its rejection at the normal end is nobody's concern any more.
    failed.catch(() => undefined);
  }
}

/** `was killed by SIGKILL`, `ended with code 5`, `ended`. */
export function describeEnd({ code, signal }: ProcessEnd): string {
  if (signal !== null) return `was killed by ${signal}`;
  return code === exitCodes.ok ? "ended" : `ended with code ${code}`;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
