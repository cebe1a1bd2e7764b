import type { PersonalStore } from "../../message/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { personalProcedures } from "./personal.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Personal rows in a database that has `personalProcedures` and `personalSchema`. */
export function createSqlitePersonalStore(database: Database<typeof personalProcedures>): PersonalStore {
  return {
    read: (accountId, conversationIds) =>
      orStoreFault(database.read("personalRead", { accountId, conversationIds })),
    newestVersion: (accountId) => orStoreFault(database.read("personalNewestVersion", accountId)),
    raiseReadCursors: (rows) => orStoreFault(database.run("personalRaiseReadCursors", rows)),
    setMute: (row) => orStoreFault(database.run("personalSetMute", row)),
  };
}
