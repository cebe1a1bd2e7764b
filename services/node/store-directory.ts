import type { NodeConfig } from "./config.ts";

/** The directory that `store.url` names. */
export function storeDirectory(config: NodeConfig): string {
  return config["store.url"].slice("sqlite:".length);
}
