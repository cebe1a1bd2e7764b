import { describe, expect, test } from "vitest";
import type { EpochMarkStore } from "../../mesh/ports.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: EpochMarkStore }>;

/** What the mark of every store does. */
export function describeEpochMarkContract(name: string, open: Open): void {
  describe(`the epoch mark in ${name}`, () => {
    test("a new store is in epoch 1 and has seen no tick", async () => {
      await using opened = await open();
      expect(await opened.store.read()).toEqual({ epoch: 1n, tick: 0n, lineage: [1n] });
    });

    test("a mark is replaced by whoever names it as it is, and by nobody else", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = { epoch: 1n, tick: 0n };
      const lineage = [1n];
      expect(await store.raise(first, { epoch: 1n, tick: 1n, lineage })).toBe(true);
      expect(await store.raise(first, { epoch: 1n, tick: 9n, lineage })).toBe(false);
      expect(await store.raise({ epoch: 2n, tick: 1n }, { epoch: 3n, tick: 9n, lineage })).toBe(false);
      expect(await store.read()).toEqual({ epoch: 1n, tick: 1n, lineage });
      const later = { epoch: 2n ** 40n, tick: 2n ** 60n, lineage: [1n, 7n, 2n ** 40n] };
      expect(await store.raise({ epoch: 1n, tick: 1n }, later)).toBe(true);
      expect(await store.read()).toEqual(later);
    });

    test("of many that raise the epoch at once one succeeds", async () => {
      await using opened = await open();
      const from = { epoch: 1n, tick: 0n };
      const raised = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          opened.store.raise(from, { epoch: 2n, tick: BigInt(index) + 1n, lineage: [1n, 2n] }),
        ),
      );
      expect(raised.filter(Boolean)).toHaveLength(1);
      expect(await opened.store.read()).toMatchObject({
        epoch: 2n,
        tick: BigInt(raised.indexOf(true)) + 1n,
      });
    });
  });
}
