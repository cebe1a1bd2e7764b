import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../../testkit/wait-until.ts";

/** The top folder of the repository. */
export const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** The command that people run. */
export const launcher = join(repository, "services/cli/parley.js");

/** The Node that Parley brings along. */
export const bundledNode = join(repository, "node_modules/node/bin/node");

/** The longest that a command may take to say or do what a test waits for, in milliseconds. */
export const answerMsMax = 20_000;

/** How to run a program. */
export interface RunOptions {
  /** Beside PATH, and instead of everything else that the tests were started with. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What comes on standard input, which then ends. */
  readonly input?: string;
  /** Leaves standard input open, for `child.stdin`. */
  readonly keepsInputOpen?: boolean;
}

/** A program that runs. Disposing of it kills it. */
export interface RunningProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Everything on standard output so far. */
  readonly output: () => string;
  /** Its lines that are complete. */
  readonly lines: () => readonly string[];
  /** Everything on standard error so far. */
  readonly notices: () => string;
  /** The exit code; the signal's name when one ended it. */
  readonly ended: Promise<number | string>;
  /** Waits for a line of standard output. */
  line(pattern: RegExp): Promise<string>;
  /** Waits for something on standard error. */
  notice(pattern: RegExp): Promise<void>;
}

/** A program that has ended. */
export interface FinishedProgram {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts any program, in the repository. */
export function startProgram(
  program: string,
  argv: readonly string[],
  options: RunOptions = {},
): RunningProgram {
  const child = spawn(program, argv, {
    cwd: repository,
    env: { PATH: process.env["PATH"], ...options.environment },
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, so that what a shell or npx has started ends with it.
    detached: true,
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  // A program that does not read its input may be gone before it is written.
  child.stdin.on("error", () => undefined);
  if (options.keepsInputOpen !== true) child.stdin.end(options.input);
  const killAll = (): void => killGroup(child);
  process.once("exit", killAll);
  let end: number | string | undefined;
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      end = code ?? signal ?? "unknown";
      resolve(end);
    });
  });
  const lines = (): string[] => output.stdout.split("\n").slice(0, -1);
  const awaited = <T>(what: string, find: () => T | undefined): Promise<T> =>
    waitUntil(
      what,
      () => {
        const found = find();
        if (found === undefined && end !== undefined) {
          throw new Error(`${program} ended with ${end} before ${what}:\n${output.stdout}${output.stderr}`);
        }
        return found;
      },
      { timeoutMs: answerMsMax },
    );
  return {
    child,
    output: () => output.stdout,
    lines,
    notices: () => output.stderr,
    ended,
    line: (pattern) => awaited(`a line like ${pattern}`, () => lines().find((line) => pattern.test(line))),
    notice: async (pattern) => {
      await awaited(`a notice like ${pattern}`, () => (pattern.test(output.stderr) ? true : undefined));
    },
    async [Symbol.asyncDispose]() {
      process.removeListener("exit", killAll);
      killAll();
      await ended;
    },
  };
}

/** Ends a program and everything that it has started. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing of the group is left.
  }
}

/** Starts the `parley` command under the bundled Node, so that signals reach it and nothing in between. */
export function startParleyCommand(argv: readonly string[], options: RunOptions = {}): RunningProgram {
  return startProgram(bundledNode, [launcher, ...argv], options);
}

/** Runs the `parley` command to its end. */
export async function runParley(argv: readonly string[], options: RunOptions = {}): Promise<FinishedProgram> {
  return finish(startParleyCommand(argv, options));
}

/** Waits for the end of a program; kills it when that takes too long. */
export async function finish(running: RunningProgram): Promise<FinishedProgram> {
  await using program = running;
  const late = setTimeout(() => killGroup(program.child), answerMsMax);
  const status = await program.ended;
  clearTimeout(late);
  return { status, stdout: program.output().trimEnd(), stderr: program.notices() };
}

/** An empty directory that is removed when it is disposed of. */
export interface TemporaryDirectory extends Disposable {
  readonly path: string;
}

export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), "parley-command-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Flags under which a node starts anywhere and hashes passwords cheaply. */
export const nodeFlags = [
  "--public-port=0",
  "--mesh-port=0",
  "--admin-port=0",
  "--password-memory-kib=64",
  "--json",
] as const;
