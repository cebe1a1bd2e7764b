import { type Command, Option } from "commander";
import type { FlagValue } from "../kernel/config-parse.ts";
import type { CommandContext } from "./command-context.ts";
import { demo } from "./commands/demo.ts";
import { runDev } from "./commands/dev.ts";
import { devAdd, devKill, devList, devStart } from "./commands/dev-control.ts";
import { defaultData } from "./commands/dev-nodes.ts";
import { runServe } from "./commands/serve.ts";
import { killSignals } from "./dev/control-message.ts";
import { nodesMax } from "./dev/node-ports.ts";
import { withConfigFlags } from "./node-config.ts";

/** `dev`, `serve` and `demo`. */
export function addNodeCommands(program: Command, context: CommandContext): void {
  const dev = program.command("dev");
  addDevControl(dev, context);
  withConfigFlags(dev)
    .description(
      "Run one node for development, or several: open registration, reflection, and the demo users alice and bob.",
    )
    .option(
      "--data <directory>",
      "where its data is kept; made when it is missing (default: what PARLEY_STORE_URL says, or .parley)",
    )
    .option("--port <number>", "its port; mesh and admin listener take the next two, each further node 10 on")
    .option("--nodes <number>", `how many nodes, 1 to ${nodesMax}, each a process; not on Windows`, "1")
    .option("--json", "print one JSON line when a node is ready, and when one of several has ended")
    .addOption(new Option("--supervised", "be one of several: end with standard input").hideHelp())
    .addHelpText("after", devExamples)
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
  program
    .command("demo")
    .description(
      "Start three nodes, kill the one in the middle of a conversation, and show that nothing was lost, doubled or reordered.",
    )
    .option("--messages <count>", "how many are sent in the burst", "200")
    .option("--keep", "keep the nodes' data, and say where it is")
    .option("--json", "print JSON, one object per line")
    .addHelpText(
      "after",
      "\nIts exit code is the verdict of the checkers.\nExample:\n  npx parley demo --messages 500",
    )
    .action((options) => demo(context, options));
}

/** Commands to a `parley dev --nodes` that runs. */
function addDevControl(dev: Command, context: CommandContext): void {
  const control = (command: Command): Command =>
    command
      .option("--data <directory>", "its data directory", defaultData)
      .option("--json", "print JSON, one line per node");
  control(dev.command("kill").argument("<node>", "its number"))
    .description("Send a signal to a node of a running `parley dev --nodes`, and wait for its end.")
    .addOption(new Option("--signal <name>", "which one").choices(killSignals).default("SIGKILL"))
    .addHelpText("after", "\nExample:\n  npx parley dev kill 2")
    .action((node: string, options) => devKill(context, node, options));
  control(dev.command("start").argument("<node>", "its number"))
    .description("Start a node that has ended again, on the ports that it had.")
    .addHelpText("after", "\nExample:\n  npx parley dev start 2")
    .action((node: string, options) => devStart(context, node, options));
  control(dev.command("add"))
    .description("Start one node more.")
    .action((options) => devAdd(context, options));
  control(dev.command("list"))
    .description("List the nodes with their addresses, and how those that do not run ended.")
    .action((options) => devList(context, options));
}

const devExamples = `
Examples:
  npx parley dev --port 8080 --data /tmp/parley
  npx parley dev --nodes 3                              three nodes on one directory; from another terminal:
  npx parley cluster
  npx parley dev kill 2
  npx parley dev start 2
  npx parley dev add`;
