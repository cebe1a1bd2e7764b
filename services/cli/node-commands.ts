import type { Command } from "commander";
import type { FlagValue } from "../kernel/config-parse.ts";
import type { CommandContext } from "./command-context.ts";
import { runDev } from "./commands/dev.ts";
import { runServe } from "./commands/serve.ts";
import { withConfigFlags } from "./node-config.ts";

/** `dev` and `serve`. */
export function addNodeCommands(program: Command, context: CommandContext): void {
  withConfigFlags(program.command("dev"))
    .description(
      "Run one node for development: open registration, reflection, and the demo users alice and bob.",
    )
    .option("--data <directory>", "where its data is kept; made when it is missing", ".parley")
    .option("--port <number>", "its port; the admin listener takes the one two above")
    .option("--json", "print one JSON line when it is ready")
    .addHelpText("after", "\nExample:\n  npx parley dev --port 8080 --data /tmp/parley")
    .action((options: Record<string, FlagValue>) => runDev(context, options));
  withConfigFlags(program.command("serve"))
    .description(
      "Run one node for production. Settings: flags, PARLEY_* variables, a config file; see `config doc`.",
    )
    .option("--json", "print one JSON line when it is ready")
    .addHelpText(
      "after",
      "\nExample:\n  npx parley serve --store-url sqlite:/var/lib/parley --public-host 0.0.0.0",
    )
    .action((options: Record<string, FlagValue>) => runServe(context, options));
}
