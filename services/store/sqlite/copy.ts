import type { Database } from "../../sqlite/database.ts";
import {
  type CollectionCopier,
  type CollectionName,
  type CopyEnd,
  copiersOf,
  type StoreRows,
} from "../copy/collections.ts";
import type { CopiedRows, copyProcedures } from "./copy.worker.ts";
import { orStoreFault } from "./store-fault.ts";

type CopyDatabase = Database<typeof copyProcedures>;

/** A store in a database that has `copyProcedures` and all tables, as an end of a copy. */
export function sqliteCopyEnd(database: CopyDatabase): CopyEnd {
  return {
    copiers: copiersOf((name) => copier(database, name)),
    mark: {
      read: () => orStoreFault(database.read("copyMarkRead", undefined)),
      put: (mark) => orStoreFault(database.run("copyMarkPut", mark)),
      remove: () => orStoreFault(database.run("copyMarkRemove", undefined)),
    },
    stop: () => database.stop(),
  };
}

function copier<Name extends CollectionName>(
  database: CopyDatabase,
  collection: Name,
): CollectionCopier<StoreRows[Name]> {
  return {
    readPage: async (after, rowsMax) => {
      const rows = await orStoreFault(database.read("copyPage", { collection, after, rowsMax }));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- rows of the collection that was asked for, which the type of a message cannot say
      return rows as readonly StoreRows[Name][];
    },
    writeAll: (rows) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one of the union, which the compiler does not see of a type parameter
      const written = { collection, rows } as unknown as CopiedRows;
      return orStoreFault(database.run("copyWrite", written));
    },
    count: () => orStoreFault(database.read("copyCount", collection)),
  };
}
