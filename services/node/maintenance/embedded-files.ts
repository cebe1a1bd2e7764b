import { existsSync } from "node:fs";
import { join } from "node:path";
import { storeFileName } from "../../store/sqlite/open.ts";

/** Where the nodes of an embedded store find one another unless `coordinator.url` says otherwise. */
export function clusterFile(directory: string): string {
  return join(directory, "cluster.db");
}

export function hasCluster(directory: string): boolean {
  return existsSync(clusterFile(directory));
}

/** Whether the directory holds a store. */
export function hasStore(directory: string): boolean {
  return existsSync(join(directory, storeFileName));
}
