import type { HeadStore } from "../../message/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { headProcedures } from "./head.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Heads rows in a database that has `headProcedures`, `headSchema` and `changeSchema`. */
export function createSqliteHeadStore(database: Database<typeof headProcedures>): HeadStore {
  return {
    read: (conversationIds) => orStoreFault(database.read("headRead", conversationIds)),
    raise: (rows) => orStoreFault(database.run("headRaise", rows)),
    listDirect: (accountId) => orStoreFault(database.read("headListDirect", accountId)),
  };
}
