import { join } from "node:path";
import { z } from "zod";
import { waitUntil } from "../../testkit/wait-until.ts";
import { type RunningProgram, repository, startProgram } from "../command/parley-command.ts";
import { goExampleProgram } from "../go-example.ts";
import { password } from "../json-client.ts";
import { generatePythonStubs, pythonReady } from "../python-environment.ts";
import { goExample, pythonGrpc } from "../tools.ts";

/** How long anything may take that is waited for, in milliseconds; only hangs take that long. */
const waitMsMax = 20_000;

/** A client under `examples`, and how to run it. */
export interface Example {
  readonly name: string;
  /** The tool without which it cannot be run. */
  readonly needs: string;
  readonly command: () => ExampleCommand;
}

interface ExampleCommand {
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** All of them. They take the same arguments and print the same lines. */
export const examples: readonly Example[] = [
  {
    name: "python",
    needs: pythonGrpc,
    command: () => {
      const program = pythonReady() ?? "";
      // Without the second variable Python would leave compiled modules in the folder of the example.
      const environment = { PYTHONPATH: generatePythonStubs(program), PYTHONDONTWRITEBYTECODE: "1" };
      return { program, argv: [join(repository, "examples/python/parley_client.py")], environment };
    },
  },
  {
    name: "go",
    needs: goExample,
    command: () => ({ program: goExampleProgram() ?? "", argv: [], environment: {} }),
  },
];

const lineSchema = z.object({
  event: z.string(),
  server: z.string().optional(),
  generation: z.number().optional(),
  seq: z.number().optional(),
  epoch: z.number().optional(),
  sender_id: z.string().optional(),
  text: z.string().optional(),
  client_message_id: z.string().optional(),
  why: z.string().optional(),
  address: z.string().optional(),
});

/** One line of its output. */
export type ExampleLine = z.infer<typeof lineSchema>;

/** An entry as an example prints it. */
export interface PrintedEntry {
  readonly epoch: number;
  readonly seq: number;
  readonly senderId: string;
  readonly text: string;
}

/** Whom an example logs in as, to whom it writes, and where. */
export interface ExampleOptions {
  readonly handle: string;
  readonly peer: string;
  readonly servers: readonly string[];
  readonly state: string;
  /** Arguments beside these. */
  readonly more?: readonly string[];
  /** That of `register` unless told otherwise. */
  readonly secret?: string;
}

/** An example that runs. Disposing of it kills it. */
export class ExampleClient implements AsyncDisposable {
  readonly #program: RunningProgram;

  constructor({ command }: Example, options: ExampleOptions) {
    const { program, argv, environment } = command();
    const servers = options.servers.flatMap((server) => ["--server", server]);
    const flags = [...servers, "--state", options.state, ...(options.more ?? [])];
    this.#program = startProgram(program, [...argv, ...flags, options.handle, options.peer], {
      environment: { ...environment, PARLEY_PASSWORD: options.secret ?? password },
      keepsInputOpen: true,
    });
  }

  /** What it has printed, of one event when that is named. */
  lines(event?: string): ExampleLine[] {
    const lines = this.#program.lines().map((line) => lineSchema.parse(JSON.parse(line)));
    return lines.filter((line) => event === undefined || line.event === event);
  }

  /** The entries that it has printed. Throws when one is no text of somebody. */
  entries(): PrintedEntry[] {
    return this.lines("entry").map(({ epoch = 0, seq = 0, sender_id: senderId = "", text = "" }) => ({
      epoch,
      seq,
      senderId,
      text,
    }));
  }

  /** Gives it lines to send. */
  say(...texts: readonly string[]): void {
    this.#program.child.stdin?.write(texts.map((text) => `${text}\n`).join(""));
  }

  /** Waits until it has printed a number of lines of an event, and answers the last one. */
  async printed(event: string, count = 1): Promise<ExampleLine> {
    return this.#wait(`${count} lines of ${event}`, () => this.lines(event)[count - 1]);
  }

  /** Waits until it has printed the entry that says this. */
  async received(text: string): Promise<void> {
    await this.#wait(`an entry that says "${text}"`, () =>
      this.entries().find((entry) => entry.text === text),
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#program.child.kill(signal);
  }

  /** The exit code, or the signal that ended it. */
  get ended(): Promise<number | string> {
    return this.#program.ended;
  }

  /** What it wrote to standard error. */
  get notices(): string {
    return this.#program.notices();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }

  async #wait<T>(what: string, find: () => T | undefined): Promise<T> {
    try {
      return await waitUntil(what, find, { timeoutMs: waitMsMax });
    } catch (error) {
      const said = `${this.#program.output()}${this.notices}`;
      throw new Error(`${String(error)}; it said:\n${said}`, { cause: error });
    }
  }
}
