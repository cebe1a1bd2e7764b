import type { Connection, ProcedureTables } from "../../sqlite/procedures.ts";
import {
  type CollectionName,
  type CopyMark,
  isCollectionName,
  type RowKey,
  type StoreRows,
} from "../copy/collections.ts";
import { accountTable } from "./account.worker.ts";
import { textOf } from "./column.ts";
import { copyOfTable, type TableCopy } from "./copied-table.ts";
import { deviceTable } from "./device.worker.ts";
import { entryTable } from "./entry.worker.ts";
import { epochHeadTable } from "./epoch-head.worker.ts";
import { epochMarkCopy } from "./epoch-mark.worker.ts";
import { generationTable } from "./generation.worker.ts";
import { headTable } from "./head.worker.ts";
import { idSlotTable } from "./id-slot.worker.ts";
import { groupTable, membershipTable } from "./membership.worker.ts";
import { personalTable } from "./personal.worker.ts";
import { secretKeyTable } from "./secret-key.worker.ts";
import { signingKeyCopy } from "./signing-key.worker.ts";

/** One row while a copy to this store is unfinished. */
export const storeCopySchema = `
  CREATE TABLE store_copy (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    source TEXT NOT NULL,
    collection TEXT NOT NULL,
    -- A JSON array of texts; null before the first row.
    after_key TEXT NOT NULL
  ) STRICT;
`;

const copies: { readonly [Name in CollectionName]: TableCopy<StoreRows[Name]> } = {
  account: copyOfTable(accountTable),
  device: copyOfTable(deviceTable),
  signing_key: signingKeyCopy,
  secret_key: copyOfTable(secretKeyTable),
  id_slot: copyOfTable(idSlotTable),
  generation: copyOfTable(generationTable),
  entry: copyOfTable(entryTable),
  head: copyOfTable(headTable),
  membership: copyOfTable(membershipTable),
  conversation_group: copyOfTable(groupTable),
  personal: copyOfTable(personalTable),
  epoch_head: copyOfTable(epochHeadTable),
  epoch_mark: epochMarkCopy,
};

/** Rows of one collection. */
export type CopiedRows = {
  readonly [Name in CollectionName]: { readonly collection: Name; readonly rows: readonly StoreRows[Name][] };
}[CollectionName];

/** Runs in the worker thread. */
export const copyProcedures = {
  reads: {
    copyPage: (
      connection: Connection,
      asked: {
        readonly collection: CollectionName;
        readonly after: RowKey | undefined;
        readonly rowsMax: number;
      },
    ): readonly StoreRows[CollectionName][] =>
      copies[asked.collection].page(connection, asked.after, asked.rowsMax),

    copyCount: (connection: Connection, collection: CollectionName): number =>
      copies[collection].count(connection),

    copyMarkRead: (connection: Connection): CopyMark | undefined => {
      const row = connection.statement("SELECT source, collection, after_key FROM store_copy").get();
      if (row === undefined) return undefined;
      const collection = textOf(row, "collection");
      if (!isCollectionName(collection)) throw new Error(`there is no collection ${collection}`);
      return { source: textOf(row, "source"), collection, after: keyOf(textOf(row, "after_key")) };
    },
  },
  writes: {
    copyWrite: (connection: Connection, written: CopiedRows): void => writeRows(connection, written),

    copyMarkPut: (connection: Connection, { source, collection, after }: CopyMark): void => {
      connection
        .statement(
          "INSERT OR REPLACE INTO store_copy (id, source, collection, after_key) VALUES (1, ?, ?, ?)",
        )
        .run(source, collection, JSON.stringify(after ?? null));
    },

    copyMarkRemove: (connection: Connection): void => {
      connection.statement("DELETE FROM store_copy").run();
    },
  },
} satisfies ProcedureTables;

function writeRows<Name extends CollectionName>(
  connection: Connection,
  { collection, rows }: { readonly collection: Name; readonly rows: readonly StoreRows[Name][] },
): void {
  const copy: TableCopy<StoreRows[Name]> = copies[collection];
  copy.write(connection, rows);
}

function keyOf(text: string): RowKey | undefined {
  const key: unknown = JSON.parse(text);
  return Array.isArray(key) ? key.map(String) : undefined;
}
