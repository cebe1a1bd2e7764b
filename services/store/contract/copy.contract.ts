import { describe, expect, test } from "vitest";
import {
  type CollectionCopier,
  type CollectionName,
  type CopyEnd,
  collectionNames,
  keyOfRow,
  type RowKey,
  type StoreRows,
} from "../copy/collections.ts";
import { copierOf } from "../copy/verify-stores.ts";
import { copyRows } from "./copy-rows.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: CopyEnd }>;

async function pagesOf<Row>(
  copier: CollectionCopier<Row>,
  keyOf: (row: Row) => RowKey,
  rowsMax: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const last = rows.at(-1);
    const page = await copier.readPage(last === undefined ? undefined : keyOf(last), rowsMax);
    rows.push(...page);
    if (page.length === 0) return rows;
  }
}

async function checkCollection(store: CopyEnd, name: CollectionName): Promise<number> {
  const copier = copierOf(store.copiers, name);
  const keyOf = (row: StoreRows[CollectionName]): RowKey => keyOfRow(name, row);
  const rows = copyRows[name];
  expect(await copier.readPage(undefined, 10)).toEqual([]);
  await copier.writeAll(rows);
  expect(await pagesOf(copier, keyOf, 2)).toEqual(rows);
  // As after an interruption, from which nobody knows what was written.
  await copier.writeAll(rows);
  expect(await pagesOf(copier, keyOf, 3)).toEqual(rows);
  expect(await copier.count()).toBe(rows.length);
  return rows.length;
}

/** What every store does as an end of a copy. */
export function describeCopyContract(name: string, open: Open): void {
  describe(`a copy of ${name}`, () => {
    test.each(collectionNames)(
      "has the rows of %s as they were given, in the order of their keys",
      async (one) => {
        await using opened = await open();
        expect(await checkCollection(opened.store, one)).toBeGreaterThan(0);
      },
    );

    test("keeps the mark of an unfinished copy until it is removed", async () => {
      await using opened = await open();
      const { mark } = opened.store;
      expect(await mark.read()).toBeUndefined();
      const begun = { source: "one", collection: "account", after: undefined } as const;
      await mark.put(begun);
      expect(await mark.read()).toEqual(begun);
      const further = { source: "one", collection: "entry", after: ["d-1", "77"] } as const;
      await mark.put(further);
      expect(await mark.read()).toEqual(further);
      await mark.remove();
      expect(await mark.read()).toBeUndefined();
    });
  });
}
