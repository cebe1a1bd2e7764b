import { describe, expect, test } from "vitest";
import type { HeadStore } from "../../message/ports.ts";
import { alice, bob, carol, direct, group, headRow, otherGroup } from "./message-rows.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: HeadStore }>;

/** What every store of heads rows does. `crowd`: conversations in one call. */
export function describeHeadContract(name: string, open: Open, { crowd = 1_000 } = {}): void {
  describe(`heads in ${name}`, () => {
    test("a raised row is read back, 64-bit numbers unchanged", async () => {
      await using opened = await open();
      const row = headRow(direct, {
        headSeq: 2n ** 62n + 3n,
        messageOrdinal: 2n ** 61n + 1n,
        appliedSeq: 2n ** 60n + 1n,
        memberLow: alice,
        memberHigh: bob,
      });
      await opened.store.raise([row]);
      expect(await opened.store.read([direct])).toEqual([row]);
    });

    test("each number moves up by itself and never down", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.raise([
        headRow(group, { headSeq: 5n, messageOrdinal: 4n, appliedSeq: 2n, changeTimeMs: 50 }),
      ]);
      await store.raise([
        headRow(group, { headSeq: 4n, messageOrdinal: 6n, appliedSeq: 3n, changeTimeMs: 40 }),
      ]);
      expect(await store.read([group])).toEqual([
        headRow(group, { headSeq: 5n, messageOrdinal: 6n, appliedSeq: 3n, changeTimeMs: 50 }),
      ]);
    });

    test("one call raises many rows, the same one twice too", async () => {
      await using opened = await open();
      const rows = [headRow(group, { headSeq: 3n }), headRow(otherGroup), headRow(group, { headSeq: 2n })];
      await opened.store.raise(rows);
      await opened.store.raise([]);
      const read = await opened.store.read([group, otherGroup, group, "g-none"]);
      const heads = read.map((row) => `${row.conversationId} ${row.headSeq}`);
      expect(heads.toSorted()).toEqual([`${group} 3`, `${otherGroup} 1`]);
      expect(await opened.store.read([])).toEqual([]);
    });

    test("an account's direct conversations are found from both sides, groups and others' never", async () => {
      await using opened = await open();
      const { store } = opened;
      const withBob = headRow(direct, { memberLow: alice, memberHigh: bob });
      const bobAndCarol = headRow(`d-${bob}-${carol}`, { memberLow: bob, memberHigh: carol });
      await store.raise([withBob, bobAndCarol, headRow(group)]);
      expect(await store.listDirect(alice)).toEqual([withBob]);
      const ofBob = await store.listDirect(bob);
      expect(ofBob.map((row) => row.conversationId).toSorted()).toEqual([direct, bobAndCarol.conversationId]);
      expect(await store.listDirect("")).toEqual([]);
    });

    test(`${crowd} rows are read in one call`, async () => {
      await using opened = await open();
      const rows = Array.from({ length: crowd }, (_, index) => headRow(`g-${index}`));
      await opened.store.raise(rows);
      expect(await opened.store.read(rows.map((row) => row.conversationId))).toHaveLength(crowd);
    });
  });
}
