import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addMembers, createGroup, leaveGroup, removeMember } from "./commands/group.ts";
import { conversations, history } from "./commands/history.ts";
import { send } from "./commands/send.ts";
import { tailCommand } from "./commands/tail.ts";
import { withPersonOptions } from "./person-options.ts";

const conversationArgument = "a handle (@handle if it looks like an id), an account id or a conversation id";

/** `send`, `tail`, `history`, `conversations` and `group`. */
export function addConversationCommands(program: Command, context: CommandContext): void {
  withPersonOptions(program.command("send").argument("<to>", conversationArgument))
    .argument("<text>", "what to say; - reads it from standard input")
    .description("Send a message, repeating it under the same id until it is known to be durable.")
    .option("--reply-to <seq>", "the number of the entry that it answers")
    .option("--id <uuid>", "the id of an earlier try, to repeat it")
    .addHelpText("after", '\nExample:\n  npx parley send --as alice bob "Hello, Bob"')
    .action((to: string, text: string, options) => send(context, to, text, options));

  withPersonOptions(program.command("tail"))
    .description("Follow all conversations live. Each entry is printed once, across reconnects and restarts.")
    .option("--quiet", "print no notices about the stream")
    .addHelpText("after", "\nExample:\n  npx parley tail --as bob --json")
    .action((options) => tailCommand(context, options));

  withPersonOptions(program.command("history").argument("<with>", conversationArgument))
    .description("Print the newest entries of a conversation, oldest first.")
    .option("--limit <count>", "at most this many", "50")
    .addHelpText("after", "\nExample:\n  npx parley history --as alice bob --limit 10")
    .action((name: string, options) => history(context, name, options));

  withPersonOptions(program.command("conversations"))
    .description("List conversations, the most recently active first.")
    .action((options) => conversations(context, options));

  addGroupCommands(program, context);
}

function addGroupCommands(program: Command, context: CommandContext): void {
  const group = program
    .command("group")
    .description("Make groups and change who belongs to them.")
    .addHelpText("after", "\nExample:\n  npx parley group create --as alice Friends bob carol");
  withPersonOptions(
    group.command("create").argument("<name>").argument("[members...]", "handles or account ids"),
  )
    .description("Create a group and print its id.")
    .option("--id <uuid>", "the id of an earlier try, to repeat it")
    .action((name: string, members: string[], options) => createGroup(context, name, members, options));
  withPersonOptions(
    group.command("add").argument("<group>", "its id").argument("<members...>", "handles or account ids"),
  )
    .description("Add members.")
    .option("--id <uuid>", "the id of an earlier try, to repeat it")
    .action((id: string, members: string[], options) => addMembers(context, id, members, options));
  withPersonOptions(
    group.command("remove").argument("<group>", "its id").argument("<member>", "handle or account id"),
  )
    .description("Remove a member.")
    .option("--id <uuid>", "the id of an earlier try, to repeat it")
    .action((id: string, member: string, options) => removeMember(context, id, member, options));
  withPersonOptions(group.command("leave").argument("<group>", "its id"))
    .description("Leave a group.")
    .option("--id <uuid>", "the id of an earlier try, to repeat it")
    .action((id: string, options) => leaveGroup(context, id, options));
}
