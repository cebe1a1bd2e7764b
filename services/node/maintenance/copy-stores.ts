import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import type { Rng } from "../../kernel/rng.ts";
import { openSqliteCoordinator } from "../../mesh/coordinator/sqlite.ts";
import { storeEpochLimits } from "../../mesh/store-epoch.ts";
import type { CopyEnd } from "../../store/copy/collections.ts";
import { type CopyProgress, compareStores, copyStore } from "../../store/copy/copy-store.ts";
import type { ComparedCollection } from "../../store/copy/verify-stores.ts";
import { openSqliteCopyEnd } from "../../store/sqlite/open.ts";
import { clusterFile, storeTarget } from "../backend-urls.ts";
import { hasCluster, hasStore } from "./embedded-files.ts";
import { assertNodesStopped } from "./stopped-nodes.ts";

/** The node that raises the store's mark does so at least this often, in milliseconds: with the longest pause, and to spare. */
const tickMsMax = storeEpochLimits.intervalMs * 1.1 + 2_000;

/** One of the two stores. */
export interface CopyPlace {
  /** As `store.url`. */
  readonly url: string;
  readonly password: string | undefined;
}

export interface CopyStoresOptions {
  readonly from: CopyPlace;
  readonly to: CopyPlace;
  /** Takes a MongoDB that may lose acknowledged messages. */
  readonly allowUnsafe: boolean;
  /** Compares and copies nothing. */
  readonly verifyOnly: boolean;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly notice: (line: string) => void;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** A store that does not exist was to be copied or compared. */
export class NoStore extends Error {
  override readonly name = "NoStore";
}

/**
 * Copies a store to an empty one of any kind, or goes on with that, and compares both; see `copyStore`. That no node runs on
 * an embedded store is seen by the list of its nodes, and on any store by its mark, which a node raises. Throws CopyRefused,
 * NodesRunning, NoStore, UnusableDatabase and UnusableMongo.
 */
export async function copyStores(options: CopyStoresOptions): Promise<readonly ComparedCollection[]> {
  const { from, to, verifyOnly } = options;
  for (const { url } of verifyOnly ? [from, to] : [from]) {
    const target = storeTarget({ "store.url": url });
    if (target.kind === "sqlite" && !hasStore(target.directory)) {
      throw new NoStore(`there is no store in ${target.directory}`);
    }
  }
  if (!verifyOnly) for (const place of [from, to]) await assertEmbeddedNodesStopped(place, options);
  await using ends = new AsyncDisposableStack();
  const opened = async (place: CopyPlace): Promise<CopyEnd> => {
    const end = await openEnd(place, options);
    ends.defer(() => end.stop());
    return end;
  };
  const both = { ...options, from: await opened(from), to: await opened(to) };
  if (verifyOnly) return await compareStores(both);
  // Awaited here, before the stores are closed.
  return await copyStore({ ...both, watchMs: isListed(from) ? 0 : tickMsMax });
}

/** Whether there is a list of the store's nodes, so that nobody has to wait for their tick. */
function isListed({ url }: CopyPlace): boolean {
  const target = storeTarget({ "store.url": url });
  return target.kind === "sqlite" && hasCluster(target.directory);
}

async function openEnd(
  { url, password }: CopyPlace,
  { clock, logger, allowUnsafe }: CopyStoresOptions,
): Promise<CopyEnd> {
  const target = storeTarget({ "store.url": url });
  const surroundings = { clock, logger, metrics: silentMetrics };
  if (target.kind === "sqlite") return openSqliteCopyEnd({ directory: target.directory, ...surroundings });
  // As for a node: only who has it waits for its driver to load.
  const { openMongoCopyEnd } = await import("../../store/mongo/open.ts");
  return openMongoCopyEnd({ url: target.url, password, allowUnsafe, ...surroundings });
}

async function assertEmbeddedNodesStopped(
  { url }: CopyPlace,
  { clock, rng, logger, signal, notice }: CopyStoresOptions,
): Promise<void> {
  const target = storeTarget({ "store.url": url });
  if (target.kind !== "sqlite" || !hasCluster(target.directory)) return;
  const surroundings = { clock, rng, logger, metrics: silentMetrics };
  const path = clusterFile(target.directory);
  await using coordinator = await openSqliteCoordinator({ path, ...surroundings });
  await assertNodesStopped(coordinator, {
    clock,
    signal,
    onWait: (nodeIds) =>
      notice(`${nodeIds.join(", ")} listed: waiting to see whether that is left of a kill`),
  });
}
