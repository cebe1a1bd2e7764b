import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { backUp, raiseStoreEpoch, restore } from "./commands/backup.ts";
import { storeCopy } from "./commands/store-copy.ts";
import { withStoreOptions } from "./store-options.ts";

/** `backup`, `restore` and `store`. */
export function addStoreCommands(program: Command, context: CommandContext): void {
  withStoreOptions(program.command("backup").argument("<file>", "where to write it"))
    .description("Write an embedded store to one file, while nodes run on it. The file has secrets in it.")
    .option("--force", "replace the file if it is there")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nA store on MongoDB is backed up with mongodump: see docs/backup.md.\n\nExample:\n  npx parley backup /backups/parley.backup --data /var/lib/parley",
    )
    .action((file: string, options) => backUp(context, file, options));
  withStoreOptions(program.command("restore").argument("<file>", "what `parley backup` wrote"))
    .description("Put a backup in the place of an embedded store, in a new epoch. Stop its nodes first.")
    .option("--discard", "do not keep the store that is there")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nDevices drop what the backup does not have, and go on from there.\n\nExample:\n  npx parley restore /backups/parley.backup --data /var/lib/parley",
    )
    .action((file: string, options) => restore(context, file, options));
  const store = program.command("store").description("Look after a store as a whole.");
  withStoreOptions(store.command("raise-epoch"))
    .description(
      "Begin a new epoch, after a store was put back by other means, as mongorestore. Stop its nodes first.",
    )
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExample:\n  PARLEY_STORE_PASSWORD=… npx parley store raise-epoch --config /etc/parley.json",
    )
    .action((options) => raiseStoreEpoch(context, options));
  store
    .command("copy")
    .argument("<from>", "sqlite:DIRECTORY or mongodb://…")
    .argument("<to>", "the same; empty, or with an unfinished copy of <from>")
    .description(
      "Copy a store to another one, of any kind, and compare both. Stop the nodes of both first, and start none on <from> again.",
    )
    .option("--verify-only", "compare them and copy nothing")
    .option("--allow-unsafe", "take a MongoDB that may lose acknowledged messages")
    .option("--json", "print JSON, one line per collection")
    .addHelpText("after", copyHelp)
    .action((from: string, to: string, options) => storeCopy(context, { from, to }, options));
}

const copyHelp = `
Passwords come from PARLEY_FROM_PASSWORD and PARLEY_TO_PASSWORD. A copy that was interrupted goes on when it is run again. Nodes do
not open <to> before it is finished. It fails when a node is listed in cluster.db of an embedded store, and when the mark that
nodes raise every 10 s has changed at the end.

Example:
  PARLEY_TO_PASSWORD=… npx parley store copy sqlite:/var/lib/parley mongodb://parley@db-1,db-2,db-3/parley?replicaSet=rs`;
