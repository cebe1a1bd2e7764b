import type { Command } from "commander";

/** Options of commands that talk to a server. */
export function withServerOptions(command: Command): Command {
  return command
    .option("--server <url>", "the node's address (or PARLEY_SERVER; default: that of the last login)")
    .option("--json", "print JSON, one object per line");
}

/** Options of commands that act for a person. */
export function withPersonOptions(command: Command): Command {
  return withServerOptions(command.option("--as <handle>", "whose login to use (default: the last one)"));
}
