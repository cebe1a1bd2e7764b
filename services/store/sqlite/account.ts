import type { AccountStore } from "../../account/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { accountProcedures } from "./account.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Accounts in a database that has `accountProcedures` and the schemas of accounts and devices. */
export function createSqliteAccountStore(database: Database<typeof accountProcedures>): AccountStore {
  return {
    insert: (row) => orStoreFault(database.run("accountInsert", row)),
    readById: (accountId) => orStoreFault(database.read("accountById", accountId)),
    readByHandle: (handle) => orStoreFault(database.read("accountByHandle", handle)),
    readByRequestId: (requestId) => orStoreFault(database.read("accountByRequestId", requestId)),
    existing: (accountIds) => orStoreFault(database.read("accountExisting", accountIds)),
    replace: (row, expectedVersion) => orStoreFault(database.run("accountReplace", { row, expectedVersion })),
    remove: (accountId) => orStoreFault(database.run("accountRemove", accountId)),
    search: (prefix, afterHandle, limit) =>
      orStoreFault(database.read("accountSearch", { prefix, afterHandle, limit })),
  };
}
