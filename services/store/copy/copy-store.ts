import { createHash } from "node:crypto";
import { sleep } from "../../kernel/clock.ts";
import { canonicalText } from "./canonical-text.ts";
import {
  type CollectionName,
  type CopyEnd,
  collectionNames,
  keyOfRow,
  pageRowsMax,
  type RowKey,
  unfinishedText,
} from "./collections.ts";
import { type RepeatOptions, repeatWork } from "./repeat.ts";
import { type ComparedCollection, copierOf, verifyStores } from "./verify-stores.ts";

/** The copy was not begun, or not come to its end, for a reason that the message explains. */
export class CopyRefused extends Error {
  override readonly name = "CopyRefused";
}

/** How far a copy is. */
export interface CopyProgress {
  readonly phase: "copying" | "comparing";
  readonly collection: CollectionName | undefined;
  /** Done in this run and phase. */
  readonly rows: number;
  /** About how many there are in all. */
  readonly rowsInAll: number;
}

export interface CopyStoreOptions extends RepeatOptions {
  readonly from: CopyEnd;
  readonly to: CopyEnd;
  /**
   * How long the epoch mark of `from` must stand still before the copy counts, in milliseconds: the node that raises it does
   * so from time to time.
   */
  readonly watchMs: number;
  readonly onProgress: (progress: CopyProgress) => void;
}

/**
 * Copies a store that no node has open into one that is empty, or goes on with a copy of the same store that did not come
 * to its end; then compares both. `to` keeps a mark until they are equal, so that no node opens a part. The epoch mark and
 * the heads of epochs are copied like everything else: what devices hold is in the new store as it was in the old one.
 * Throws CopyRefused and as the stores do; calling it again is then right.
 */
export async function copyStore(options: CopyStoreOptions): Promise<readonly ComparedCollection[]> {
  const { from, to, clock, watchMs, signal } = options;
  const startMs = clock.monotonicMs();
  const source = await identityOf(from, options);
  await assertWhole(from, options);
  const begun = await beginOrResume(source, options);
  const rowsInAll = await rowsOf(from, options);
  let rows = 0;
  for (const collection of collectionNames.slice(collectionNames.indexOf(begun.collection))) {
    const after = collection === begun.collection ? begun.after : undefined;
    await copyCollection(collection, { source, after }, options, (copied) => {
      rows += copied;
      options.onProgress({ phase: "copying", collection, rows, rowsInAll });
    });
  }
  await sleep(clock, Math.max(0, startMs + watchMs - clock.monotonicMs()), signal);
  signal.throwIfAborted();
  if ((await identityOf(from, options)) !== source) {
    throw new CopyRefused(
      "the store that is copied was changed meanwhile: stop its nodes, empty the other store, and copy again",
    );
  }
  const compared = await compareStores({ ...options, rowsInAll });
  if (compared.every(({ difference }) => difference === undefined)) {
    await repeatWork(options, () => to.mark.remove());
  }
  return compared;
}

/** Compares two stores and tells how far that is. Changes nothing. */
export async function compareStores(
  options: Omit<CopyStoreOptions, "watchMs"> & { readonly rowsInAll?: number },
): Promise<readonly ComparedCollection[]> {
  const { from, to } = options;
  const rowsInAll = options.rowsInAll ?? (await rowsOf(from, options));
  let rows = 0;
  const onCompared = (more: number): void => {
    rows += more;
    options.onProgress({ phase: "comparing", collection: undefined, rows, rowsInAll });
  };
  return verifyStores(from, to, { ...options, onCompared });
}

/** Names the store, and the state that it is in: a node that ran on it has raised its mark. */
async function identityOf({ copiers }: CopyEnd, options: RepeatOptions): Promise<string> {
  const parts = await Promise.all([
    repeatWork(options, () => copiers.epoch_mark.readPage(undefined, pageRowsMax)),
    repeatWork(options, () => copiers.secret_key.readPage(undefined, pageRowsMax)),
    repeatWork(options, () => copiers.signing_key.readPage(undefined, pageRowsMax)),
  ]);
  return createHash("sha256").update(canonicalText(parts)).digest("hex");
}

async function assertWhole(from: CopyEnd, options: RepeatOptions): Promise<void> {
  if ((await repeatWork(options, () => from.mark.read())) === undefined) return;
  throw new CopyRefused(`the store that is to be copied ${unfinishedText}`);
}

async function beginOrResume(
  source: string,
  options: CopyStoreOptions,
): Promise<{ readonly collection: CollectionName; readonly after: RowKey | undefined }> {
  const { to } = options;
  const found = await repeatWork(options, () => to.mark.read());
  if (found !== undefined) {
    if (found.source === source) return found;
    throw new CopyRefused(
      "the store that is copied to holds a part of another store, or of this one before it was changed: empty it first",
    );
  }
  for (const name of collectionNames) {
    const copier = copierOf(to.copiers, name);
    const rows = await repeatWork(options, () => copier.readPage(undefined, 1));
    if (rows.length > 0) {
      throw new CopyRefused(`the store that is copied to is not empty: there are rows in ${name}`);
    }
  }
  const [collection = "account"] = collectionNames;
  await repeatWork(options, () => to.mark.put({ source, collection, after: undefined }));
  return { collection, after: undefined };
}

async function copyCollection(
  collection: CollectionName,
  begun: { readonly source: string; readonly after: RowKey | undefined },
  options: CopyStoreOptions,
  onCopied: (rows: number) => void,
): Promise<void> {
  const { from, to } = options;
  const [reader, writer] = [copierOf(from.copiers, collection), copierOf(to.copiers, collection)];
  let { after } = begun;
  for (;;) {
    const at = after;
    const page = await repeatWork(options, () => reader.readPage(at, pageRowsMax));
    const last = page.at(-1);
    if (last === undefined) return;
    await repeatWork(options, () => writer.writeAll(page));
    const reached = keyOfRow(collection, last);
    after = reached;
    await repeatWork(options, () => to.mark.put({ source: begun.source, collection, after: reached }));
    onCopied(page.length);
    if (page.length < pageRowsMax) return;
  }
}

async function rowsOf({ copiers }: CopyEnd, options: RepeatOptions): Promise<number> {
  const counts = await Promise.all(
    collectionNames.map((name) => repeatWork(options, () => copierOf(copiers, name).count())),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
