import { describe, expect, test } from "vitest";
import type { SigningKeyRow, SigningKeyStore } from "../../account/ports.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: SigningKeyStore }>;

function keyRow(keyId: string, createTimeMs = 1_767_225_600_000): SigningKeyRow {
  return { keyId, privateKey: `private ${keyId}`, publicKey: `public ${keyId}`, createTimeMs };
}

/** What every store of signing keys does. */
export function describeSigningKeyContract(name: string, open: Open): void {
  describe(`signing keys in ${name}`, () => {
    test("a store that holds none takes the first, and no second first", async () => {
      await using opened = await open();
      const { store } = opened;
      expect(await store.list()).toEqual([]);
      await store.add(keyRow("k-1"), true);
      await store.add(keyRow("k-2"), true);
      expect(await store.list()).toEqual([keyRow("k-1")]);
    });

    test("of many that start at once on an empty store one makes the key", async () => {
      await using opened = await open();
      const { store } = opened;
      await Promise.all(Array.from({ length: 10 }, (_, index) => store.add(keyRow(`k-${index}`), true)));
      expect(await store.list()).toHaveLength(1);
    });

    test("the two added last stay, newest first, whatever their makers' clocks said", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.add(keyRow("k-1", 3_000), true);
      await store.add(keyRow("k-2", 1_000), false);
      expect(await store.list()).toEqual([keyRow("k-2", 1_000), keyRow("k-1", 3_000)]);
      await store.add(keyRow("k-3", 2_000), false);
      expect(await store.list()).toEqual([keyRow("k-3", 2_000), keyRow("k-2", 1_000)]);
    });
  });
}
