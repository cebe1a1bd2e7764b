import { describe, expect, test } from "vitest";
import type { EpochHeadStore } from "../../message/ports.ts";
import { direct, group } from "./message-rows.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: EpochHeadStore }>;

/** What every store of the heads at which epochs began does. */
export function describeEpochHeadContract(name: string, open: Open): void {
  describe(`heads of epochs in ${name}`, () => {
    test("nothing is recorded in a new store", async () => {
      await using opened = await open();
      expect(await opened.store.lowestAbove([group, direct], 0n)).toEqual(new Map());
      expect(await opened.store.lowestAbove([], 0n)).toEqual(new Map());
    });

    test("the first head that is recorded for a conversation and an epoch stays", async () => {
      await using opened = await open();
      await opened.store.record(group, 2n, 8n);
      await opened.store.record(group, 2n, 5n);
      await opened.store.record(group, 2n, 20n);
      expect(await opened.store.lowestAbove([group], 1n)).toEqual(new Map([[group, 8n]]));
    });

    test("the lowest of the epochs above the one asked for counts, for each conversation apart", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.record(group, 2n, 8n);
      await store.record(group, 3n, 12n);
      await store.record(group, 4n, 10n);
      await store.record(direct, 3n, 0n);
      expect(await store.lowestAbove([group, direct], 1n)).toEqual(
        new Map([
          [group, 8n],
          [direct, 0n],
        ]),
      );
      expect(await store.lowestAbove([group], 2n)).toEqual(new Map([[group, 10n]]));
      expect(await store.lowestAbove([group, direct], 3n)).toEqual(new Map([[group, 10n]]));
      expect(await store.lowestAbove([group, direct], 4n)).toEqual(new Map());
    });
  });
}
