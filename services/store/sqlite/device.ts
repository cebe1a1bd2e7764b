import type { DeviceStore } from "../../account/ports.ts";
import type { Database } from "../../sqlite/database.ts";
import type { deviceProcedures } from "./device.worker.ts";
import { orStoreFault } from "./store-fault.ts";

/** Devices in a database that has `deviceProcedures` and `deviceSchema`. */
export function createSqliteDeviceStore(database: Database<typeof deviceProcedures>): DeviceStore {
  return {
    insert: (row) => orStoreFault(database.run("deviceInsert", row)),
    read: (deviceId) => orStoreFault(database.read("deviceById", deviceId)),
    list: (accountId) => orStoreFault(database.read("deviceList", accountId)),
    replace: (row, expectedVersion) => orStoreFault(database.run("deviceReplace", { row, expectedVersion })),
    remove: (deviceId, expectedVersion) =>
      orStoreFault(database.run("deviceRemove", { deviceId, expectedVersion })),
  };
}
