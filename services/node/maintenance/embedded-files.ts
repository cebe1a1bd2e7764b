import { existsSync } from "node:fs";
import { join } from "node:path";
import { storeFileName } from "../../store/sqlite/open.ts";
import { clusterFile } from "../backend-urls.ts";

/** Whether nodes of an embedded store have found one another there; `coordinator.url` may have told them another place. */
export function hasCluster(directory: string): boolean {
  return existsSync(clusterFile(directory));
}

/** Whether the directory holds a store. */
export function hasStore(directory: string): boolean {
  return existsSync(join(directory, storeFileName));
}
