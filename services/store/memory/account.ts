import type { AccountRow, AccountStore } from "../../account/ports.ts";
import type { MemoryDeviceStore } from "./device.ts";

/** Accounts in memory, for tests and the simulator. `devices` are those that go with a removed account. */
export function createMemoryAccountStore(devices: Pick<MemoryDeviceStore, "removeOf">): AccountStore {
  const rows = new Map<string, AccountRow>();
  const idByHandle = new Map<string, string>();
  const idByRequest = new Map<string, string>();
  const byId = (accountId: string | undefined): AccountRow | undefined =>
    accountId === undefined ? undefined : rows.get(accountId);

  return {
    async insert(row) {
      const { accountId, handle, requestId } = row;
      if (rows.has(accountId) || idByHandle.has(handle) || idByRequest.has(requestId)) return "taken";
      rows.set(accountId, row);
      idByHandle.set(handle, accountId);
      idByRequest.set(requestId, accountId);
      return "inserted";
    },
    readById: async (accountId) => byId(accountId),
    readByHandle: async (handle) => byId(idByHandle.get(handle)),
    readByRequestId: async (requestId) => byId(idByRequest.get(requestId)),
    existing: async (accountIds) => new Set(accountIds.filter((accountId) => rows.has(accountId))),
    async replace(row, expectedVersion) {
      const stored = rows.get(row.accountId);
      if (stored?.version !== expectedVersion) return false;
      // Neither changes in the life of an account: the indexes would have to move with them.
      rows.set(row.accountId, { ...row, handle: stored.handle, requestId: stored.requestId });
      return true;
    },
    async remove(accountId) {
      const row = rows.get(accountId);
      devices.removeOf(accountId);
      if (row === undefined) return;
      rows.delete(accountId);
      idByHandle.delete(row.handle);
      idByRequest.delete(row.requestId);
    },
    async search(prefix, afterHandle, limit) {
      const handles = Array.from(idByHandle.keys()).filter(
        (handle) => handle.startsWith(prefix) && handle > afterHandle,
      );
      return handles
        .sort()
        .slice(0, limit)
        .flatMap((handle) => byId(idByHandle.get(handle)) ?? []);
    },
  };
}
