import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { describeCopyContract } from "../contract/copy.contract.ts";
import { type CopyEnd, collectionNames } from "../copy/collections.ts";
import { pageStatements } from "./copied-table.ts";
import { entryTable } from "./entry.worker.ts";
import { epochHeadTable } from "./epoch-head.worker.ts";
import { generationTable } from "./generation.worker.ts";
import { membershipTable } from "./membership.worker.ts";
import { openSqliteCopyEnd, openSqliteStore } from "./open.ts";
import { personalTable } from "./personal.worker.ts";
import { migrations } from "./schema.ts";

const surroundings = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };

async function openEnd(): Promise<AsyncDisposable & { readonly store: CopyEnd; readonly directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "parley-copy-"));
  const store = await openSqliteCopyEnd({ directory, ...surroundings });
  return {
    store,
    directory,
    async [Symbol.asyncDispose]() {
      await store.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

describeCopyContract("SQLite", openEnd);

test("every table of the schema is copied, so that one that is new cannot be forgotten", () => {
  using file = new DatabaseSync(":memory:");
  for (const { sql } of migrations) file.exec(sql);
  const tables = file
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => String(name));
  // SQLite's own counter, and the mark of the copy itself.
  const others = ["sqlite_sequence", "store_copy"];
  expect(tables.filter((name) => !others.includes(name))).toEqual([...collectionNames].toSorted());
});

test.each([entryTable, epochHeadTable, generationTable, membershipTable, personalTable])(
  "a page of $table is one range of an index, however far it is from the beginning",
  (table) => {
    using file = new DatabaseSync(":memory:");
    for (const { sql } of migrations) file.exec(sql);
    const plan = file.prepare(`EXPLAIN QUERY PLAN ${pageStatements(table).next}`).all();
    const columns = table.key.map(({ column }) => column).join();
    expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining(`((${columns})>(`)]);
  },
);

test("a store with an unfinished copy is opened by no node, and by every copy", async () => {
  await using end = await openEnd();
  const { store, directory } = end;
  await store.mark.put({ source: "one", collection: "entry", after: undefined });
  await expect(openSqliteStore({ directory, ...surroundings })).rejects.toMatchObject({
    reason: "unfinished",
    message: expect.stringContaining("parley store copy"),
  });
  await store.mark.remove();
  await (await openSqliteStore({ directory, ...surroundings })).stop();
});
