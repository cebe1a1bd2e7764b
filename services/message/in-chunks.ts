/** How many ids one call of a store port may name. */
export const idsPerReadMax = 1_000;

/** How many single reads of one request run at once. */
export const readsAtOnceMax = 16;

/** Reads what belongs to `ids`, at most `idsPerReadMax` a call, one call after the other. */
export async function readInBulk<Row>(
  ids: readonly string[],
  read: (ids: readonly string[]) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const chunk of chunksOf(ids, idsPerReadMax)) rows.push(...(await read(chunk)));
  return rows;
}

/** Maps items that need a read each, at most `readsAtOnceMax` at once; answers in the order of the items. */
export async function mapInChunks<Item, Result>(
  items: readonly Item[],
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const chunk of chunksOf(items, readsAtOnceMax)) results.push(...(await Promise.all(chunk.map(map))));
  return results;
}

function* chunksOf<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
