import { Command, CommanderError } from "commander";
import { addCertificateCommands } from "./certificate-commands.ts";
import { addClusterCommands } from "./cluster-commands.ts";
import type { CommandContext } from "./command-context.ts";
import { commandErrorOf } from "./command-error.ts";
import { addConfigCommands } from "./config-commands.ts";
import { addConversationCommands } from "./conversation-commands.ts";
import { exitCodes } from "./exit-codes.ts";
import { addNodeCommands } from "./node-commands.ts";
import { addPersonCommands } from "./person-commands.ts";
import { addStoreCommands } from "./store-commands.ts";

/** Runs one `parley` command line (without the program's name) and resolves to its exit code. Never throws. */
export async function runProgram(args: readonly string[], context: CommandContext): Promise<number> {
  const program = buildProgram(context);
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = commandErrorOf(error);
    context.notice(`parley: ${failure.message}`);
    return failure.exitCode;
  }
}

/** The whole command, for `--help` and for the tests of its documentation. */
export function buildProgram(context: CommandContext): Command {
  const program = new Command("parley")
    .description("Real-time messaging: run a node, or talk through one.")
    // What follows `dev kill` belongs to it, although `dev` has options of the same names.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.print(text.replace(/\n$/, "")),
      writeErr: (text) => context.notice(text.replace(/\n$/, "")),
    })
    .showHelpAfterError("Run npx parley --help, or npx parley COMMAND --help, to see what there is.")
    .addHelpText("after", examples);
  addNodeCommands(program, context);
  addClusterCommands(program, context);
  addPersonCommands(program, context);
  addConversationCommands(program, context);
  addStoreCommands(program, context);
  addConfigCommands(program, context);
  addCertificateCommands(program, context);
  for (const command of program.commands) inheritSettings(program, command);
  return program;
}

/** Subcommands made by hand do not take over how errors are handled and printed. */
function inheritSettings(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(command, child);
}

const examples = `
A first conversation:
  npx parley dev                                        start a node, data in ./.parley
  PARLEY_PASSWORD=parley-demo npx parley login alice    log in as the demo users
  PARLEY_PASSWORD=parley-demo npx parley login bob
  npx parley tail --as bob                              follow bob's conversations
  npx parley send --as alice bob "Hello, Bob"           send him a message`;
