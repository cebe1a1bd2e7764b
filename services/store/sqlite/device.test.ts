import { describeDeviceContract } from "../contract/device.contract.ts";
import { createSqliteDeviceStore } from "./device.ts";
import { openAccountStores } from "./fixtures/account-database.ts";

describeDeviceContract("SQLite", () =>
  openAccountStores((database) => ({ store: createSqliteDeviceStore(database) })),
);
