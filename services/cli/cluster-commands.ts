import { type Command, Option } from "commander";
import { type CommandContext, defaultAdmin } from "./command-context.ts";
import { CommandError } from "./command-error.ts";
import { cluster, drain, undrain } from "./commands/cluster.ts";
import { doctor } from "./commands/doctor.ts";
import { explain } from "./commands/explain.ts";
import { exitCodes } from "./exit-codes.ts";

/** `cluster`, `drain`, `undrain`, `explain` and `doctor`. */
export function addClusterCommands(program: Command, context: CommandContext): void {
  withAdmin(program.command("cluster"))
    .description("List the nodes of a cluster, as one of them sees it.")
    .option("--watch", "list them again every second until a signal")
    .option("--json", "print JSON, one line per node")
    .addHelpText("after", "\nExample:\n  npx parley cluster --admin http://127.0.0.1:7092 --watch")
    .action((options) => cluster(context, options));
  withAdmin(program.command("drain").argument("<node>", "its id"))
    .description(
      "Move devices and topics away from a node, which goes on running until `undrain` or a signal.",
    )
    .option("--wait", "until it has none any more")
    .addHelpText("after", "\nExample:\n  npx parley drain node-2 --wait")
    .action((node: string, options) => drain(context, node, options));
  withAdmin(program.command("undrain").argument("<node>", "its id"))
    .description("Let a drained node take clients and topics again.")
    .addHelpText("after", "\nExample:\n  npx parley undrain node-2")
    .action((node: string, options) => undrain(context, node, options));
  withAdmin(program.command("explain"))
    .argument("<conversation>", "its id; or the other account of a direct one, as a handle or account id")
    .argument("<seq>", "the number of the entry")
    .argument("<user>", "a handle (@handle if it looks like an id) or an account id")
    .description(
      "Show what became of a message: who accepted and committed it, where it was forwarded, to which devices of a user it was pushed, and which acknowledged it.",
    )
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nNodes remember a bounded number of steps and nothing over a restart: what is not known is called unknown.\n\nExample:\n  npx parley explain alice 3 bob --admin http://127.0.0.1:7082",
    )
    .action((conversation: string, seq: string, user: string, options) =>
      explain(context, { conversation, seq, user }, options),
    );
  program
    .command("doctor")
    .description("Look at nodes and their cluster from outside, and say what is wrong and what to do.")
    .addOption(repeatable("--admin", `the admin listener of a node; repeatable (default: "${defaultAdmin}")`))
    .addOption(repeatable("--server", "an address for clients, beside those that nodes name; repeatable"))
    .option("--store-url <url>", "a MongoDB to look at from here, as a node's setting (or PARLEY_STORE_URL)")
    .option("--coordinator-url <url>", "an etcd to look at from here (or PARLEY_COORDINATOR_URL)")
    .option("--config <file>", "the JSON config file of a node, for the same (or PARLEY_CONFIG)")
    .option("--json", "print JSON, one line per finding")
    .addHelpText(
      "after",
      "\nExample:\n  npx parley doctor --admin http://127.0.0.1:7082 --server https://chat.example",
    )
    .action((options) => doctor(context, options));
}

function withAdmin(command: Command): Command {
  return command.addOption(
    new Option("--admin <url>", "the admin listener of any node")
      .default(defaultAdmin)
      .argParser((text) => parseBaseUrl("--admin", text)),
  );
}

/** An option that names one address each time it is given. */
function repeatable(flag: string, description: string): Option {
  return new Option(`${flag} <url>`, description).argParser(
    (text, earlier: readonly string[] | undefined) => [...(earlier ?? []), parseBaseUrl(flag, text)],
  );
}

/** A base URL without a slash at its end. Throws a CommandError when it is none. */
function parseBaseUrl(flag: string, text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, "");
  throw new CommandError(`${flag} must be a URL like ${defaultAdmin}, it is ${text}`, exitCodes.usage);
}
