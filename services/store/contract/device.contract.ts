import { describe, expect, test } from "vitest";
import type { DeviceRow, DeviceStore } from "../../account/ports.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: DeviceStore }>;

/** A device of alice's that is logged in. */
export function deviceRow(deviceId: string, fields: Partial<DeviceRow> = {}): DeviceRow {
  return {
    accountId: "alice",
    deviceId,
    displayName: `device ${deviceId}`,
    createTimeMs: 1_767_225_600_000,
    activeTimeMs: 1_767_225_600_001,
    loginCount: 1,
    refreshCount: 1,
    openRefreshHashes: [new Uint8Array(32).fill(7)],
    previousRefreshHash: new Uint8Array(),
    refreshExpireMs: 1_772_409_600_000,
    revoked: false,
    version: 1n,
    ...fields,
  };
}

/** What every store of devices does. */
export function describeDeviceContract(name: string, open: Open): void {
  describe(`devices in ${name}`, () => {
    test("a device is read as it was written, hashes and 64-bit numbers unchanged", async () => {
      await using opened = await open();
      const { store } = opened;
      const row = deviceRow("d-1", {
        openRefreshHashes: [1, 2, 3].map((value) => new Uint8Array(32).fill(value)),
        previousRefreshHash: new Uint8Array(32).fill(255),
        refreshCount: 4_000_000_000,
        version: 2n ** 62n + 1n,
        revoked: true,
      });
      expect(await store.insert(row)).toBe(true);
      const first = deviceRow("d-2");
      expect(await store.insert(first)).toBe(true);
      expect(await store.read("d-1")).toEqual(row);
      expect(await store.read("d-2")).toEqual(first);
      expect(await store.read("d-3")).toBeUndefined();
    });

    test("a device id is unique across accounts", async () => {
      await using opened = await open();
      const row = deviceRow("d-1");
      expect(await opened.store.insert(row)).toBe(true);
      expect(await opened.store.insert(deviceRow("d-1", { accountId: "bob" }))).toBe(false);
      expect(await opened.store.read("d-1")).toEqual(row);
      expect(await opened.store.list("bob")).toEqual([]);
    });

    test("a list has the account's devices only, revoked ones included, newest first", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.insert(deviceRow("d-1", { createTimeMs: 2_000 }));
      await store.insert(deviceRow("d-2", { createTimeMs: 3_000, revoked: true }));
      await store.insert(deviceRow("d-3", { createTimeMs: 1_000 }));
      await store.insert(deviceRow("d-4", { createTimeMs: 3_000 }));
      await store.insert(deviceRow("d-5", { accountId: "bob" }));
      expect((await store.list("alice")).map((row) => row.deviceId)).toEqual(["d-4", "d-2", "d-1", "d-3"]);
      expect(await store.list("carol")).toEqual([]);
    });

    test("a row is replaced at the version expected and at no other", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.insert(deviceRow("d-1"));
      const changed = deviceRow("d-1", {
        displayName: "new name",
        activeTimeMs: 5,
        loginCount: 2,
        refreshCount: 9,
        openRefreshHashes: [new Uint8Array(32).fill(9), new Uint8Array(32).fill(8)],
        previousRefreshHash: new Uint8Array(32).fill(1),
        refreshExpireMs: 6,
        revoked: true,
        version: 2n,
      });
      expect(await store.replace(changed, 1n)).toBe(true);
      expect(await store.replace(deviceRow("d-1", { version: 2n }), 1n)).toBe(false);
      expect(await store.read("d-1")).toEqual(changed);
      expect(await store.replace(deviceRow("d-9"), 1n)).toBe(false);
      expect(await store.read("d-9")).toBeUndefined();
    });

    test("of many replacements of one version exactly one is taken", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.insert(deviceRow("d-1"));
      const taken = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store.replace(deviceRow("d-1", { refreshCount: index + 2, version: 2n }), 1n),
        ),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect((await store.read("d-1"))?.refreshCount).toBe(taken.indexOf(true) + 2);
    });

    test("a row is removed at the version expected and at no other", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.insert(deviceRow("d-1", { version: 3n }));
      expect(await store.remove("d-1", 2n)).toBe(false);
      expect(await store.read("d-1")).toBeDefined();
      expect(await store.remove("d-1", 3n)).toBe(true);
      expect(await store.read("d-1")).toBeUndefined();
      expect(await store.remove("d-1", 3n)).toBe(false);
    });
  });
}
