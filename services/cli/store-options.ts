import type { Command } from "commander";
import type { FlagValue } from "../kernel/config-parse.ts";
import type { NodeConfig } from "../node/config.ts";
import type { CommandContext } from "./command-context.ts";
import { CommandError } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";
import { readNodeConfig } from "./node-config.ts";

/** Which store a command works on; without any, the one of the settings that a node would take. */
export interface StoreOptions {
  /** A directory, in place of `storeUrl`. */
  readonly data?: string;
  readonly storeUrl?: string;
  readonly config?: string;
}

/** Adds `--data`, `--store-url` and `--config`. */
export function withStoreOptions(command: Command): Command {
  return command
    .option(
      "--data <directory>",
      "the node's data directory (default: what PARLEY_STORE_URL says, or .parley)",
    )
    .option("--store-url <url>", "the node's store, in place of --data")
    .option("--config <file>", "the node's JSON config file (or PARLEY_CONFIG)");
}

/** The settings of the node whose store is meant. Throws a CommandError that lists everything that is wrong. */
export function storeConfig(context: CommandContext, { data, storeUrl, config }: StoreOptions): NodeConfig {
  if (data !== undefined && storeUrl !== undefined) {
    throw new CommandError("--data and --store-url both name a store: give one of them", exitCodes.usage);
  }
  return readNodeConfig(context, { storeUrl, config, ...storeFlag(data) }, false).values;
}

/** What `--data` stands for, as a flag of the settings. */
export function storeFlag(data: FlagValue): Record<string, FlagValue> {
  return typeof data === "string" ? { storeUrl: `sqlite:${data}` } : {};
}
