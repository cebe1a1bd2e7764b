import { describe, expect, test } from "vitest";
import type { GenerationStore } from "../../session/ports.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: GenerationStore }>;

/** What every store of generations does. */
export function describeGenerationContract(name: string, open: Open): void {
  describe(`generations in ${name}`, () => {
    test("the first attach of a device is generation 1 and each later one is one more", async () => {
      await using opened = await open();
      expect(await opened.store.raise("alice", "phone")).toBe(1n);
      expect(await opened.store.raise("alice", "phone")).toBe(2n);
      expect(await opened.store.raise("alice", "phone")).toBe(3n);
    });

    test("devices count apart, also when two accounts name one device", async () => {
      await using opened = await open();
      await opened.store.raise("alice", "phone");
      expect(await opened.store.raise("alice", "laptop")).toBe(1n);
      expect(await opened.store.raise("bob", "phone")).toBe(1n);
      expect(await opened.store.raise("alice", "phone")).toBe(2n);
    });

    test("attaches at the same time get different generations without holes", async () => {
      await using opened = await open();
      const raised = await Promise.all(
        Array.from({ length: 50 }, () => opened.store.raise("alice", "phone")),
      );
      const ascending = raised.toSorted((one, other) => Number(one - other));
      expect(ascending).toEqual(Array.from({ length: 50 }, (_, index) => BigInt(index + 1)));
    });
  });
}
