import type { EpochMarkStore } from "../../mesh/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { epochMarkProcedures } from "./epoch-mark.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** The store's mark in a database that has `epochMarkProcedures` and `epochMarkSchema`. */
export function createSqliteEpochMarkStore(database: Database<typeof epochMarkProcedures>): EpochMarkStore {
  return {
    read: () => orStoreFault(database.read("epochMarkRead", undefined)),
    raise: (from, to) => orStoreFault(database.run("epochMarkRaise", { from, to })),
  };
}
