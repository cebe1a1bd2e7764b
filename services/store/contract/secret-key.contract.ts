import { describe, expect, test } from "vitest";
import type { SecretKeyStore } from "../../kernel/secret-keys.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: SecretKeyStore }>;

function keyOf(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

/** What every store of secret keys does. */
export function describeSecretKeyContract(name: string, open: Open): void {
  describe(`secret keys in ${name}`, () => {
    test("the first candidate becomes the key and later ones are ignored", async () => {
      await using opened = await open();
      expect(await opened.store.readOrCreate("digest", keyOf(1))).toEqual(keyOf(1));
      expect(await opened.store.readOrCreate("digest", keyOf(2))).toEqual(keyOf(1));
    });

    test("keys of different names are apart", async () => {
      await using opened = await open();
      await opened.store.readOrCreate("digest", keyOf(1));
      expect(await opened.store.readOrCreate("ticket", keyOf(2))).toEqual(keyOf(2));
    });

    test("callers at the same time get the same bytes", async () => {
      await using opened = await open();
      const candidates = Array.from({ length: 20 }, (_, index) => keyOf(index + 1));
      const keys = await Promise.all(candidates.map((each) => opened.store.readOrCreate("digest", each)));
      expect(candidates).toContainEqual(keys[0]);
      for (const key of keys) expect(key).toEqual(keys[0]);
    });

    test("a caller that overwrites what it was given or gave changes nothing", async () => {
      await using opened = await open();
      const candidate = keyOf(1);
      const key = await opened.store.readOrCreate("digest", candidate);
      candidate.fill(9);
      key.fill(9);
      expect(await opened.store.readOrCreate("digest", keyOf(2))).toEqual(keyOf(1));
    });
  });
}
