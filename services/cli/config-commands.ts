import type { Command } from "commander";
import { configReference, describeConfig } from "../kernel/config-doc.ts";
import { nodeConfigTable } from "../node/config.ts";
import type { CommandContext } from "./command-context.ts";
import { readNodeConfig, withConfigFlags } from "./node-config.ts";

/** `config check` and `config doc`. */
export function addConfigCommands(program: Command, context: CommandContext): void {
  const config = program.command("config").description("Look at the settings of a node.");
  withConfigFlags(config.command("check"))
    .description("Check flags, environment and config file together, and print every value with its source.")
    .option("--dev", "as `parley dev` would take them")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  PARLEY_PUBLIC_PORT=8080 npx parley config check")
    .action((options: Record<string, string | boolean | undefined>) => {
      const { dev, json, ...flags } = options;
      const lines = describeConfig(nodeConfigTable, readNodeConfig(context, flags, dev === true));
      if (json === true) context.print(JSON.stringify(lines));
      else for (const { key, value, source } of lines) context.print(`${key} = ${value}  (${source})`);
    });
  config
    .command("doc")
    .description("Print the reference of all settings, in Markdown.")
    .action(() => context.print(configReference(nodeConfigTable).replace(/\n$/, "")));
}
