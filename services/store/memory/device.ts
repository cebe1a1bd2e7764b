import type { DeviceRow, DeviceStore } from "../../account/ports.ts";

/** Devices in memory; `removeOf` is what the account store needs to take an account's devices with it. */
export interface MemoryDeviceStore extends DeviceStore {
  removeOf(accountId: string): void;
}

/** Devices in memory, for tests and the simulator. */
export function createMemoryDeviceStore(): MemoryDeviceStore {
  const rows = new Map<string, DeviceRow>();
  const current = (deviceId: string, version: bigint): boolean => rows.get(deviceId)?.version === version;
  return {
    async insert(row) {
      if (rows.has(row.deviceId)) return false;
      rows.set(row.deviceId, row);
      return true;
    },
    read: async (deviceId) => rows.get(deviceId),
    list: async (accountId) =>
      Array.from(rows.values().filter((row) => row.accountId === accountId)).sort(newestFirst),
    async replace(row, expectedVersion) {
      if (!current(row.deviceId, expectedVersion)) return false;
      rows.set(row.deviceId, row);
      return true;
    },
    remove: async (deviceId, expectedVersion) => current(deviceId, expectedVersion) && rows.delete(deviceId),
    removeOf(accountId) {
      for (const row of Array.from(rows.values())) {
        if (row.accountId === accountId) rows.delete(row.deviceId);
      }
    },
  };
}

function newestFirst(one: DeviceRow, other: DeviceRow): number {
  if (one.createTimeMs !== other.createTimeMs) return other.createTimeMs - one.createTimeMs;
  return one.deviceId < other.deviceId ? 1 : -1;
}
