import { describe, expect, test } from "vitest";
import type { AccountRow, AccountStore, DeviceStore } from "../../account/ports.ts";
import { deviceRow } from "./device.contract.ts";

interface Opened extends AsyncDisposable {
  readonly store: AccountStore;
  readonly devices: DeviceStore;
}

/** A row whose account id is its handle. */
function accountRow(handle: string, fields: Partial<AccountRow> = {}): AccountRow {
  return {
    accountId: handle,
    handle,
    displayName: `The ${handle}`,
    passwordHash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
    version: 1n,
    createTimeMs: 1_767_225_600_000,
    requestId: `request of ${handle}`,
    ...fields,
  };
}

/** What every store of accounts does. */
export function describeAccountContract(name: string, open: () => Promise<Opened>): void {
  describe(`accounts in ${name}`, () => {
    test("an account is found by id, handle and request id, and by nothing else", async () => {
      await using opened = await open();
      const { store } = opened;
      const row = accountRow("alice", { accountId: "a-1", requestId: "r-1", version: 2n ** 62n + 1n });
      expect(await store.insert(row)).toBe("inserted");
      expect(await store.readById("a-1")).toEqual(row);
      expect(await store.readByHandle("alice")).toEqual(row);
      expect(await store.readByRequestId("r-1")).toEqual(row);
      const others = [store.readById("alice"), store.readByHandle("Alice"), store.readByRequestId("")];
      expect(await Promise.all(others)).toEqual([undefined, undefined, undefined]);
    });

    test("each of id, handle and request id is unique, and a refused row leaves no trace", async () => {
      await using opened = await open();
      const { store } = opened;
      const row = accountRow("alice");
      await store.insert(row);
      expect(await store.insert(accountRow("bob", { accountId: "alice" }))).toBe("taken");
      expect(await store.insert(accountRow("alice", { accountId: "b", requestId: "b" }))).toBe("taken");
      expect(await store.insert(accountRow("bob", { requestId: row.requestId }))).toBe("taken");
      expect(await store.readByHandle("bob")).toBeUndefined();
      expect(await store.readByHandle("alice")).toEqual(row);
      expect(await store.insert(accountRow("bob"))).toBe("inserted");
    });

    test("of many inserts of one handle at once exactly one is taken", async () => {
      await using opened = await open();
      const rows = Array.from({ length: 10 }, (_, index) =>
        accountRow("alice", { accountId: `a-${index}`, requestId: `r-${index}` }),
      );
      const outcomes = await Promise.all(rows.map((row) => opened.store.insert(row)));
      expect(outcomes.filter((outcome) => outcome === "inserted")).toHaveLength(1);
      const winner = rows[outcomes.indexOf("inserted")];
      expect(await opened.store.readByHandle("alice")).toEqual(winner);
    });

    test("existing answers those that exist, a thousand in one call", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.insert(accountRow("alice"));
      await store.insert(accountRow("bob"));
      const asked = [
        "alice",
        "carol",
        "alice",
        ...Array.from({ length: 996 }, (_, index) => `a-${index}`),
        "bob",
      ];
      expect(await store.existing(asked)).toEqual(new Set(["alice", "bob"]));
      expect(await store.existing([])).toEqual(new Set());
    });

    test("a row is replaced at the version expected and at no other", async () => {
      await using opened = await open();
      const { store } = opened;
      const row = accountRow("alice");
      await store.insert(row);
      const second = { ...row, displayName: "Alice", passwordHash: "$argon2id$other", version: 2n };
      expect(await store.replace(second, 1n)).toBe(true);
      expect(await store.replace({ ...row, displayName: "late", version: 2n }, 1n)).toBe(false);
      expect(await store.readById("alice")).toEqual(second);
      expect(await store.replace(accountRow("bob"), 1n)).toBe(false);
      expect(await store.readById("bob")).toBeUndefined();
    });

    test("a removed account takes its devices along and frees handle and request id", async () => {
      await using opened = await open();
      const { store, devices } = opened;
      await store.insert(accountRow("alice"));
      await store.insert(accountRow("bob"));
      await devices.insert(deviceRow("d-1", { accountId: "alice" }));
      await devices.insert(deviceRow("d-2", { accountId: "alice", revoked: true }));
      await devices.insert(deviceRow("d-3", { accountId: "bob" }));
      await store.remove("alice");
      await store.remove("alice");
      expect(await store.existing(["alice", "bob"])).toEqual(new Set(["bob"]));
      expect(await devices.list("alice")).toEqual([]);
      expect(await devices.list("bob")).toHaveLength(1);
      expect(await store.insert(accountRow("alice", { accountId: "a-2" }))).toBe("inserted");
    });

    test("a search answers handles with the prefix in ascending order, page by page", async () => {
      await using opened = await open();
      const { store } = opened;
      const handles = ["al", "al-b", "al.b", "al0", "al_b", "ala", "alz", "alzz", "ak", "am", "b", "a"];
      for (const handle of handles) await store.insert(accountRow(handle));
      const page = async (after: string, limit: number): Promise<string[]> =>
        (await store.search("al", after, limit)).map((row) => row.handle);
      const all = handles.filter((handle) => handle.startsWith("al")).sort();
      expect(await page("", 100)).toEqual(all);
      expect(await page("", 3)).toEqual(all.slice(0, 3));
      expect(await page(all[2] ?? "", 3)).toEqual(all.slice(3, 6));
      expect(await page("alzz", 3)).toEqual([]);
      expect(await store.search("al%", "", 10)).toEqual([]);
      expect(await store.search("zz", "", 10)).toEqual([]);
    });
  });
}
