import { pinoLogger } from "../kernel/pino-logger.ts";
import type { NodeConfig } from "../node/config.ts";
import { packageVersion } from "../node/package-version.ts";
import { createNode, type ParleyNode } from "../node/parley-node.ts";
import { untilAborted } from "./aborted.ts";
import type { CommandContext } from "./command-context.ts";
import { CommandError } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";

/** What a node says when it is ready. */
export interface NodeReady {
  readonly version: string;
  /** Base URL of the cleartext listener. */
  readonly public: string;
  /** Base URL of the TLS listener, or null. */
  readonly tls: string | null;
  /** Base URL of the admin listener. */
  readonly admin: string;
  /** Address of the listener for other nodes, `host:port`. */
  readonly mesh: string;
  /** Product, version and place, for people. */
  readonly store: string;
  readonly coordinator: string;
  /** Services of the contract, by their full names. */
  readonly serves: readonly string[];
  /** From the call to readiness, in milliseconds. */
  readonly startMs: number;
}

/** Runs a node until the first signal, then drains and stops it. Throws a CommandError when it could not start. */
export async function runNode(
  context: CommandContext,
  options: {
    readonly config: NodeConfig;
    onReady(ready: NodeReady, node: ParleyNode): void | Promise<void>;
  },
): Promise<void> {
  const { config } = options;
  const { clock, rng, signal } = context;
  const startedMs = clock.monotonicMs();
  const logger = pinoLogger({ clock, level: config["log.level"], format: config["log.format"] });
  const version = packageVersion();
  const node = await start({ config, clock, rng, logger });
  const startMs = Math.round(clock.monotonicMs() - startedMs);
  await options.onReady({ version, ...node.addresses, ...node.backends, serves: node.serves, startMs }, node);
  await untilAborted(signal);
  const late = await node.stop();
  if (late.length > 0) {
    throw new CommandError(`stopped, but ${late.join(", ")} did not finish in time`, exitCodes.stoppedEarly);
  }
}

async function start(options: Parameters<typeof createNode>[0]): Promise<ParleyNode> {
  try {
    return await createNode(options);
  } catch (error) {
    throw new CommandError(`the node could not start: ${reasonsOf(error).join(": ")}`, exitCodes.startFailed);
  }
}

/** What happened and why, down to the first cause: which part, then what it met. */
function reasonsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  return error.cause === undefined ? [error.message] : [error.message, ...reasonsOf(error.cause)];
}
