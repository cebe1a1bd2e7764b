import type { SigningKeyStore } from "../../account/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { signingKeyProcedures } from "./signing-key.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Signing keys in a database that has `signingKeyProcedures` and `signingKeySchema`. */
export function createSqliteSigningKeyStore(
  database: Database<typeof signingKeyProcedures>,
): SigningKeyStore {
  return {
    list: () => orStoreFault(database.read("signingKeyList", undefined)),
    add: (row, onlyIfEmpty) => orStoreFault(database.run("signingKeyAdd", { row, onlyIfEmpty })),
  };
}
