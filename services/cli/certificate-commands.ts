import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { certAuthority, certificatesDirectory, certNode, certShow } from "./commands/cert.ts";

/** `cert authority`, `cert node` and `cert show`. */
export function addCertificateCommands(program: Command, context: CommandContext): void {
  const cert = program
    .command("cert")
    .description("Make the certificates by which nodes know one another, and look at one.");
  withCertOptions(cert.command("authority"), "3650")
    .description("Make the authority of a cluster: what it signs is a node of that cluster.")
    .option("--cluster <name>", "the cluster's name, which its nodes have as cluster.name", "parley")
    .addHelpText("after", authorityHelp)
    .action((options) => certAuthority(context, options));
  withCertOptions(cert.command("node").argument("<node>", "its id, as its node.id says"), "365")
    .description("Make the certificate of one node, signed by the authority in the same directory.")
    .option("--replace", "put it in the place of an earlier one; a running node takes it within 5 s")
    .addHelpText("after", nodeHelp)
    .action((node: string, options) => certNode(context, node, options));
  cert
    .command("show")
    .argument("<file>", "a PEM file")
    .description("Print whose certificate it is, and how long it is valid.")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  npx parley cert show certificates/node-1.pem")
    .action((file: string, options) => certShow(context, file, options));
}

function withCertOptions(command: Command, days: string): Command {
  return command
    .option("--directory <path>", "where the files are, and are made", certificatesDirectory)
    .option("--days <count>", "how long it is valid, from now", days)
    .option("--json", "print JSON");
}

const authorityHelp = `
Makes authority.pem, which every node gets, and authority.key (mode 600), which none gets. Nothing is overwritten.

Example:
  npx parley cert authority --cluster chat`;

const nodeHelp = `
Makes NODE.pem and NODE.key (mode 600). Nothing is overwritten without --replace.

Examples:
  npx parley cert node node-1
  npx parley cert node node-1 --replace --days 90`;
