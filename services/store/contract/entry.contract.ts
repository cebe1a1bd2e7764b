import { describe, expect, test } from "vitest";
import type { EntryLogStore, EntryRow } from "../../message/ports.ts";
import { alice, bob, direct, entryRow, group, otherGroup } from "./message-rows.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: EntryLogStore }>;

const wholePage = { entriesMax: 1_000, bytesMax: 2 ** 20 };

function run(conversationId: string, from: number, to: number): EntryRow[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entryRow(conversationId, BigInt(from + index)));
}

function seqs(rows: readonly EntryRow[]): bigint[] {
  return rows.map((row) => row.seq);
}

/** What every log of entries does. */
export function describeEntryContract(name: string, open: Open): void {
  describe(`entries in ${name}`, () => {
    test("a row is read back as it was appended, 64-bit numbers and bytes unchanged", async () => {
      await using opened = await open();
      const row = entryRow(direct, 1n, {
        epoch: 2n ** 62n + 1n,
        messageOrdinal: 2n ** 61n + 1n,
        entryId: 2n ** 63n - 1n,
        hasEffects: true,
        bytes: Uint8Array.from({ length: 256 }, (_, index) => index),
      });
      expect(await opened.store.append([row])).toMatchObject({ kind: "committed" });
      expect(await opened.store.readAfter(direct, 0n, wholePage)).toEqual([row]);
      expect(await opened.store.readLast([direct])).toEqual([row]);
    });

    test("one batch holds rows of several conversations, each numbered by itself", async () => {
      await using opened = await open();
      const { store } = opened;
      const rows = [entryRow(group, 1n), entryRow(direct, 1n), entryRow(group, 2n), entryRow(otherGroup, 1n)];
      expect((await store.append(rows)).kind).toBe("committed");
      expect(seqs(await store.readAfter(group, 0n, wholePage))).toEqual([1n, 2n]);
      const lasts = await store.readLast([group, direct, otherGroup, "g-none"]);
      expect(lasts.map((row) => `${row.conversationId} ${row.seq}`).toSorted()).toEqual(
        [`${group} 2`, `${direct} 1`, `${otherGroup} 1`].toSorted(),
      );
    });

    test("a taken seq ends the batch there: the rows before it are durable, those after it were not tried", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.append(run(group, 1, 2));
      const met = entryRow(group, 2n, { clientMessageId: "another" });
      const outcome = await store.append([entryRow(direct, 1n), met, entryRow(otherGroup, 1n)]);
      expect(outcome).toMatchObject({ kind: "duplicate", index: 1 });
      expect(await store.readLast([direct])).toHaveLength(1);
      expect(await store.readLast([otherGroup])).toEqual([]);
      expect(await store.readByClientIds(group, [{ senderId: alice, clientMessageId: "another" }])).toEqual(
        [],
      );
    });

    test("a taken client id ends the batch there, in its conversation and of its sender only", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.append([entryRow(group, 1n)]);
      const same = { clientMessageId: "id 1" };
      const others = [entryRow(group, 2n, { ...same, senderId: bob }), entryRow(otherGroup, 1n, same)];
      expect((await store.append(others)).kind).toBe("committed");
      expect(await store.append([entryRow(group, 3n, same)])).toMatchObject({ kind: "duplicate", index: 0 });
      expect(seqs(await store.readAfter(group, 0n, wholePage))).toEqual([1n, 2n]);
    });

    test("a batch may meet its own rows", async () => {
      await using opened = await open();
      const twice = entryRow(group, 2n, { clientMessageId: "id 1" });
      expect(await opened.store.append([entryRow(group, 1n), twice])).toMatchObject({
        kind: "duplicate",
        index: 1,
      });
      expect(await opened.store.readLast([group])).toHaveLength(1);
    });

    test("a void row takes an id for ever and is no part of the log", async () => {
      await using opened = await open();
      const { store } = opened;
      const taken = entryRow(group, -77n, { clientMessageId: "rejected" });
      await store.append([entryRow(group, 1n), taken, entryRow(group, -78n)]);
      expect(seqs(await store.readAfter(group, -100n, wholePage))).toEqual([1n]);
      expect(seqs(await store.readBefore(group, 100n, wholePage))).toEqual([1n]);
      expect(seqs(await store.readLast([group]))).toEqual([1n]);
      const key = { senderId: alice, clientMessageId: "rejected" };
      expect(await store.readByClientIds(group, [key])).toEqual([taken]);
      const late = entryRow(group, 2n, { clientMessageId: "rejected" });
      expect(await store.append([late])).toMatchObject({ kind: "duplicate", index: 0 });
      const again = entryRow(group, -79n, { clientMessageId: "rejected" });
      expect(await store.append([again])).toMatchObject({ kind: "duplicate", index: 0 });
    });

    test("a conversation that has void rows only has no last entry", async () => {
      await using opened = await open();
      await opened.store.append([entryRow(group, -5n)]);
      expect(await opened.store.readLast([group])).toEqual([]);
      expect(await opened.store.readAfter(group, 0n, wholePage)).toEqual([]);
    });

    test("pages go up from a seq and down from a seq, both exclusive", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.append(run(group, 1, 10));
      expect(seqs(await store.readAfter(group, 3n, { ...wholePage, entriesMax: 3 }))).toEqual([4n, 5n, 6n]);
      expect(seqs(await store.readAfter(group, 10n, wholePage))).toEqual([]);
      expect(seqs(await store.readBefore(group, 4n, wholePage))).toEqual([3n, 2n, 1n]);
      expect(seqs(await store.readBefore(group, 11n, { ...wholePage, entriesMax: 2 }))).toEqual([10n, 9n]);
      expect(seqs(await store.readBefore(group, 1n, wholePage))).toEqual([]);
      expect(seqs(await store.readBefore(group, 0n, wholePage))).toEqual([]);
      expect(seqs(await store.readAfter("g-none", 0n, wholePage))).toEqual([]);
    });

    test("a page ends with the row that passes its bytes, and has one row at least", async () => {
      await using opened = await open();
      const { store } = opened;
      const big = Array.from({ length: 5 }, (_, index) =>
        entryRow(group, BigInt(index + 1), { bytes: new Uint8Array(100) }),
      );
      await store.append(big);
      expect(seqs(await store.readAfter(group, 0n, { entriesMax: 5, bytesMax: 250 }))).toEqual([1n, 2n, 3n]);
      expect(seqs(await store.readAfter(group, 0n, { entriesMax: 5, bytesMax: 1 }))).toEqual([1n]);
      expect(seqs(await store.readBefore(group, 6n, { entriesMax: 5, bytesMax: 100 }))).toEqual([5n, 4n]);
    });

    test("500 rows are appended in one batch and their ids found in one read", async () => {
      await using opened = await open();
      const { store } = opened;
      const rows = run(direct, 1, 500);
      expect((await store.append(rows)).kind).toBe("committed");
      const found = await store.readByClientIds(direct, [
        ...rows,
        { senderId: bob, clientMessageId: "id 1" },
      ]);
      expect(seqs(found).length).toBe(500);
      expect(await store.readByClientIds(direct, [])).toEqual([]);
    });

    test("of two batches for the same numbers one is committed and the other meets it", async () => {
      await using opened = await open();
      const { store } = opened;
      const rival = (owner: string): EntryRow[] =>
        [1n, 2n, 3n].map((seq) => entryRow(group, seq, { clientMessageId: `${owner} ${seq}` }));
      const outcomes = await Promise.all([store.append(rival("one")), store.append(rival("other"))]);
      expect(outcomes.map((outcome) => outcome.kind).toSorted()).toEqual(["committed", "duplicate"]);
      const ids = (await store.readAfter(group, 0n, wholePage)).map((row) => row.clientMessageId);
      expect(new Set(ids.map((id) => id.split(" ")[0])).size).toBe(1);
      expect(ids).toHaveLength(3);
    });
  });
}
