import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { configFlags } from "../kernel/config-doc.ts";
import { type FlagValue, parseConfig } from "../kernel/config-parse.ts";
import { nodeConfigTable, type ParsedNodeConfig } from "../node/config.ts";
import type { CommandContext } from "./command-context.ts";
import { CommandError } from "./command-error.ts";
import { exitCodes } from "./exit-codes.ts";

/** Adds every setting as a flag, and `--config`. */
export function withConfigFlags(command: Command): Command {
  command.option("--config <file>", "JSON config file (or PARLEY_CONFIG)");
  for (const { syntax, description } of configFlags(nodeConfigTable)) command.option(syntax, description);
  return command;
}

/** Puts the configuration of a node together. Throws a CommandError that lists everything that is wrong. */
export function readNodeConfig(
  context: CommandContext,
  options: Readonly<Record<string, FlagValue>>,
  dev: boolean,
): ParsedNodeConfig {
  const { config: file = context.environment["PARLEY_CONFIG"], ...flags } = options;
  const result = parseConfig(nodeConfigTable, {
    flags,
    environment: context.environment,
    dev,
    readSecretFile: (path) => readFileSync(path, "utf8"),
    ...(typeof file === "string" && { file: { path: file, text: readConfigText(file) } }),
  });
  if (result.ok) return result.config;
  const problems = result.problems.map(({ name, message }) => `  ${name} ${message}`).join("\n");
  throw new CommandError(`the configuration is not valid:\n${problems}`, exitCodes.usage);
}

function readConfigText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot read the config file ${path}: ${reason}`, exitCodes.usage);
  }
}
