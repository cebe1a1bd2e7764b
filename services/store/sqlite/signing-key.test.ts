import { describeSigningKeyContract } from "../contract/signing-key.contract.ts";
import { openAccountStores } from "./fixtures/account-database.ts";
import { createSqliteSigningKeyStore } from "./signing-key.ts";

describeSigningKeyContract("SQLite", () =>
  openAccountStores((database) => ({ store: createSqliteSigningKeyStore(database) })),
);
