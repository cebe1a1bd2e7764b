import { hostname } from "node:os";
import type { Rng } from "../kernel/rng.ts";
import type { NodeConfig } from "./config.ts";
import type { NodeIdentity } from "./node-core.ts";
import { packageVersion } from "./package-version.ts";

/** Characters of a host's name that become part of a node's id. */
const hostCharsMax = 24;

/**
 * Who a node is: `node.id`, or the host's name and the port for other nodes, which stay the same over restarts. With any
 * free port nothing would, so a part of the id is by chance.
 */
export function nodeIdentity(config: NodeConfig, rng: Rng): NodeIdentity {
  const roles = [...new Set(config["node.roles"])];
  return { nodeId: config["node.id"] ?? defaultNodeId(config, rng), roles, version: packageVersion() };
}

function defaultNodeId(config: NodeConfig, rng: Rng): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, "-")
    .slice(0, hostCharsMax);
  const port = config["mesh.port"];
  const suffix = port === 0 ? Buffer.from(rng.bytes(4)).toString("hex") : String(port);
  return `${host || "node"}-${suffix}`;
}
