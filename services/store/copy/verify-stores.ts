import { createHash } from "node:crypto";
import { canonicalText } from "./canonical-text.ts";
import {
  type CollectionCopier,
  type CollectionName,
  type CopyEnd,
  collectionNames,
  keyOfRow,
  pageRowsMax,
  type RowKey,
  type StoreCopiers,
  type StoreRows,
} from "./collections.ts";
import { type RepeatOptions, repeatWork } from "./repeat.ts";

/** Rows in which two stores differ. */
export interface RowDifference {
  /** The rows that were compared as one, by their keys in the store that was copied. */
  readonly firstKey: RowKey | undefined;
  readonly lastKey: RowKey | undefined;
  /** The first row among them that differs, or is in one of the stores only. */
  readonly key: RowKey | undefined;
}

/** One collection of two stores. */
export interface ComparedCollection {
  readonly collection: CollectionName;
  /** Rows that are the same, up to the first difference. */
  readonly rows: number;
  /** Of those rows, in their order: SHA-256 of their canonical texts, in hexadecimal. */
  readonly checksum: string;
  readonly difference: RowDifference | undefined;
}

/** Reads both stores to their ends and compares them row by row, each collection up to its first difference. */
export async function verifyStores(
  from: CopyEnd,
  to: CopyEnd,
  options: RepeatOptions & { readonly onCompared?: (rows: number) => void },
): Promise<readonly ComparedCollection[]> {
  const compared: ComparedCollection[] = [];
  for (const name of collectionNames) compared.push(await compareCollection(name, { from, to }, options));
  return compared;
}

type AnyRow = StoreRows[CollectionName];

interface Pair {
  readonly from: CopyEnd;
  readonly to: CopyEnd;
}

async function compareCollection(
  collection: CollectionName,
  { from, to }: Pair,
  options: RepeatOptions & { readonly onCompared?: (rows: number) => void },
): Promise<ComparedCollection> {
  const keyOf = (row: AnyRow): RowKey => keyOfRow(collection, row);
  const [one, other] = [copierOf(from.copiers, collection), copierOf(to.copiers, collection)];
  const hash = createHash("sha256");
  let rows = 0;
  let after: RowKey | undefined;
  for (;;) {
    const at = after;
    const read = (copier: CollectionCopier<AnyRow>) =>
      repeatWork(options, () => copier.readPage(at, pageRowsMax));
    const [page, otherPage] = await Promise.all([read(one), read(other)]);
    const otherTexts = otherPage.map(canonicalText);
    const texts = page.map(canonicalText);
    const same = texts.findIndex((text, index) => text !== otherTexts[index]);
    const equal = same >= 0 ? same : texts.length;
    for (const text of texts.slice(0, equal)) hash.update(`${text}\n`);
    rows += equal;
    options.onCompared?.(equal);
    if (equal < Math.max(page.length, otherPage.length)) {
      const differs = page[equal] ?? otherPage[equal];
      const difference = {
        firstKey: keyOrNone(page.at(0) ?? otherPage.at(0), keyOf),
        lastKey: keyOrNone(page.at(-1) ?? otherPage.at(-1), keyOf),
        key: keyOrNone(differs, keyOf),
      };
      return { collection, rows, checksum: hash.digest("hex"), difference };
    }
    const last = page.at(-1);
    if (page.length < pageRowsMax || last === undefined) {
      return { collection, rows, checksum: hash.digest("hex"), difference: undefined };
    }
    after = keyOf(last);
  }
}

function keyOrNone(row: AnyRow | undefined, keyOf: (row: AnyRow) => RowKey): RowKey | undefined {
  return row === undefined ? undefined : keyOf(row);
}

/** The copier of a collection, of which only its name is known where this is called. */
export function copierOf<Name extends CollectionName>(
  copiers: StoreCopiers,
  name: Name,
): CollectionCopier<StoreRows[Name]> {
  return copiers[name];
}
