import type { FlagValue } from "../../kernel/config-parse.ts";
import { flagName } from "../../kernel/config-table.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { type NodePorts, nodeName } from "./node-ports.ts";

/** Settings that differ from node to node, and what decides them when there are several. */
const perNode: Readonly<Record<string, string>> = {
  "node-id": "they are node-1, node-2, …",
  "public-port": "use --port",
  "mesh-port": "use --port",
  "admin-port": "use --port",
  "tls-port": "use --port",
  "mesh-advertise": "each says where it listens",
  "mesh-certificate-file": "they speak cleartext, within this machine",
  "mesh-key-file": "they speak cleartext, within this machine",
  "mesh-authority-file": "they speak cleartext, within this machine",
};

/** The flags that all nodes of one command share. Throws a CommandError for a setting that cannot be shared. */
export function sharedFlags(options: Readonly<Record<string, FlagValue>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const flag = flagName(name);
    const instead = perNode[flag];
    if (instead !== undefined) {
      throw new CommandError(`--${flag} is for one node, not for --nodes: ${instead}`, exitCodes.usage);
    }
    return [`--${flag}`, Array.isArray(value) ? value.join(",") : String(value)];
  });
}

/** The flags of one node. */
export function ownFlags(number: number, ports: NodePorts): string[] {
  const values = {
    "node-id": nodeName(number),
    "public-port": ports.public,
    "mesh-port": ports.mesh,
    "admin-port": ports.admin,
    "tls-port": ports.tls,
  };
  return Object.entries(values).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
}
