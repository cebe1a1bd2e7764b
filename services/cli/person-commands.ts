import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { login, token } from "./commands/login.ts";
import { addUser, importUsers, rotateKeys } from "./commands/user.ts";
import { withPersonOptions, withServerOptions } from "./person-options.ts";
import { withStoreOptions } from "./store-options.ts";

/** `login`, `token`, `user` and `keys`. */
export function addPersonCommands(program: Command, context: CommandContext): void {
  withServerOptions(program.command("login").argument("<handle>", "who logs in"))
    .description(
      "Log this installation in and keep its tokens. The password comes from PARLEY_PASSWORD or standard input.",
    )
    .option("--device <name>", "what the account's owner sees in the list of devices")
    .addHelpText(
      "after",
      "\nExample:\n  PARLEY_PASSWORD=parley-demo npx parley login alice --server http://127.0.0.1:7080",
    )
    .action((handle: string, options) => login(context, handle, options));

  withPersonOptions(program.command("token"))
    .description("Print an access token, for curl and other tools.")
    .addHelpText("after", '\nExample:\n  curl -H "authorization: Bearer $(npx parley token --as alice)" …')
    .action((options) => token(context, options));

  addAccountCommands(program, context);
}

function addAccountCommands(program: Command, context: CommandContext): void {
  const user = program.command("user").description("Make accounts in the store of a node.");
  withStoreOptions(user.command("add"))
    .argument("<handle>", "2 to 32 of a-z, 0-9, dot, dash and underscore")
    .description("Make one account. The password comes from PARLEY_PASSWORD or standard input.")
    .option("--name <text>", "display name")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExample:\n  PARLEY_PASSWORD='a long password' npx parley user add carol --name Carol",
    )
    .action((handle: string, options) => addUser(context, handle, options));
  withStoreOptions(user.command("import"))
    .argument("<file>", "JSON lines: handle, password or password_hash (PHC, Argon2id), display_name")
    .description("Make many accounts. Repeatable: accounts that are there are left as they are.")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      '\nExample line:\n  {"handle":"dave","display_name":"Dave","password":"a long password"}',
    )
    .action((file: string, options) => importUsers(context, file, options));

  const keys = program.command("keys").description("Look after the keys that sign access tokens.");
  withStoreOptions(keys.command("rotate"))
    .description(
      "Make a new signing key. The one before it stays valid, so that nobody is logged out; older ones end.",
    )
    .option("--json", "print JSON")
    .action((options) => rotateKeys(context, options));
}
