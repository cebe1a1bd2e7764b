import { describeAccountContract } from "../contract/account.contract.ts";
import { createSqliteAccountStore } from "./account.ts";
import { createSqliteDeviceStore } from "./device.ts";
import { openAccountStores } from "./fixtures/account-database.ts";

describeAccountContract("SQLite", () =>
  openAccountStores((database) => ({
    store: createSqliteAccountStore(database),
    devices: createSqliteDeviceStore(database),
  })),
);
