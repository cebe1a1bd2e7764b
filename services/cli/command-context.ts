import type { Clock } from "../kernel/clock.ts";
import type { Rng } from "../kernel/rng.ts";
import { credentialsPath, openCredentials } from "./credentials.ts";
import { openConnection, type ServerConnection } from "./server-connection.ts";

/** Where `parley dev` listens for clients unless told otherwise. */
export const defaultServer = "http://127.0.0.1:7080";

/** Where it listens for operators. */
export const defaultAdmin = "http://127.0.0.1:7082";

/** What every command works with; tests supply their own. */
export interface CommandContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly rng: Rng;
  /** One line for the person or script that asked. */
  print(line: string): void;
  /** One line beside the result: progress, notices. */
  notice(line: string): void;
  /** Whether a person looks at what is printed, rather than a script. */
  readonly terminal: boolean;
  /** Everything that comes in on standard input, once. */
  readInput(): Promise<string>;
  /** Aborts at SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Errors that are thrown outside of any call and for which this answers true are no bugs. None are until it is called. */
  passOver(isHarmless: (error: unknown) => boolean): void;
}

/** Options that all commands of a logged-in person take. */
export interface PersonOptions {
  readonly as?: string;
  readonly server?: string;
  readonly json?: boolean;
}

/** The connection of the person that a command runs as. */
export function connect(context: CommandContext, options: PersonOptions): Promise<ServerConnection> {
  return openConnection({
    credentials: openCredentials(credentialsPath(context.environment)),
    clock: context.clock,
    handle: options.as,
    server: serverOf(context, options),
  });
}

/** `--server`, or PARLEY_SERVER; undefined when neither names one. */
export function serverOf(context: CommandContext, options: PersonOptions): string | undefined {
  return (options.server ?? context.environment["PARLEY_SERVER"])?.replace(/\/+$/, "");
}
