import type { SecretKeyStore } from "../../kernel/secret-keys.ts";
import type { Database } from "../../sqlite/database.ts";
import type { secretKeyProcedures } from "./secret-key.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Secret keys in a database that has `secretKeyProcedures` and `secretKeySchema`. */
export function createSqliteSecretKeyStore(database: Database<typeof secretKeyProcedures>): SecretKeyStore {
  return {
    readOrCreate: (name, candidate) =>
      orStoreFault(database.run("secretKeyReadOrCreate", { name, candidate })),
  };
}
