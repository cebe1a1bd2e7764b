import { join } from "node:path";
import type { NodeConfig } from "./config.ts";

const scheme = "sqlite:";

/** The directory that `store.url` names. */
export function storeDirectory(config: NodeConfig): string {
  return config["store.url"].slice(scheme.length);
}

/** The file by which nodes find one another. */
export function coordinatorFile(config: NodeConfig): string {
  const url = config["coordinator.url"];
  return join(url === undefined ? storeDirectory(config) : url.slice(scheme.length), "cluster.db");
}
