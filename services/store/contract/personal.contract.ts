import { describe, expect, test } from "vitest";
import type { PersonalStore } from "../../message/ports.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: PersonalStore }>;

const alice = "alice";
const group = "g-1";
const other = "g-2";

/** What every store of personal rows does. `crowd`: rows of one account. */
export function describePersonalContract(name: string, open: Open, { crowd = 1_000 } = {}): void {
  describe(`personal rows in ${name}`, () => {
    test("an account without rows reads none and has version 0", async () => {
      await using opened = await open();
      expect(await opened.store.read(alice, [group])).toEqual([]);
      expect(await opened.store.read(alice, [])).toEqual([]);
      expect(await opened.store.newestVersion(alice)).toBe(0n);
    });

    test("a raised cursor is read back with notifications on, 64-bit numbers unchanged", async () => {
      await using opened = await open();
      const row = {
        accountId: alice,
        conversationId: group,
        readSeq: 2n ** 60n + 1n,
        readOrdinal: 2n ** 59n + 1n,
        version: 2n ** 62n + 1n,
      };
      await opened.store.raiseReadCursors([row]);
      expect(await opened.store.read(alice, [group])).toEqual([{ ...row, muteEndMs: 0 }]);
    });

    test("a cursor moves forward only, and the version changes with it only", async () => {
      await using opened = await open();
      const { store } = opened;
      const raise = (readSeq: bigint, readOrdinal: bigint, version: bigint): Promise<void> =>
        store.raiseReadCursors([{ accountId: alice, conversationId: group, readSeq, readOrdinal, version }]);
      await raise(7n, 5n, 1n);
      await raise(6n, 4n, 2n);
      await raise(7n, 5n, 3n);
      expect(await store.read(alice, [group])).toMatchObject([{ readSeq: 7n, readOrdinal: 5n, version: 1n }]);
      await raise(9n, 5n, 4n);
      expect(await store.read(alice, [group])).toMatchObject([{ readSeq: 9n, readOrdinal: 5n, version: 4n }]);
      await raise(8n, 6n, 5n);
      expect(await store.read(alice, [group])).toMatchObject([{ readSeq: 9n, readOrdinal: 6n, version: 5n }]);
    });

    test("one call raises cursors of several accounts, and one conversation twice in its order", async () => {
      await using opened = await open();
      const cursor = { conversationId: group, readOrdinal: 1n };
      await opened.store.raiseReadCursors([
        { ...cursor, accountId: alice, readSeq: 3n, version: 1n },
        { ...cursor, accountId: "bob", readSeq: 4n, version: 2n },
        { ...cursor, accountId: alice, readSeq: 5n, version: 3n },
        { ...cursor, accountId: alice, readSeq: 2n, version: 4n },
      ]);
      expect(await opened.store.read(alice, [group])).toMatchObject([{ readSeq: 5n, version: 3n }]);
      expect(await opened.store.read("bob", [group])).toMatchObject([{ readSeq: 4n, version: 2n }]);
      await opened.store.raiseReadCursors([]);
    });

    test("muting keeps the cursor, and raising the cursor keeps it muted", async () => {
      await using opened = await open();
      const { store } = opened;
      const key = { accountId: alice, conversationId: group };
      const year9999 = Date.UTC(9999, 11, 31);
      await store.setMute({ ...key, muteEndMs: year9999, version: 1n });
      await store.raiseReadCursors([{ ...key, readSeq: 3n, readOrdinal: 2n, version: 2n }]);
      const row = { ...key, readSeq: 3n, readOrdinal: 2n };
      expect(await store.read(alice, [group])).toEqual([{ ...row, muteEndMs: year9999, version: 2n }]);
      await store.setMute({ ...key, muteEndMs: 0, version: 3n });
      expect(await store.read(alice, [group])).toEqual([{ ...row, muteEndMs: 0, version: 3n }]);
    });

    test("a read answers each row asked for once and nobody else's", async () => {
      await using opened = await open();
      const { store } = opened;
      const cursor = { readSeq: 1n, readOrdinal: 1n };
      await store.raiseReadCursors([
        { ...cursor, accountId: alice, conversationId: group, version: 1n },
        { ...cursor, accountId: alice, conversationId: other, version: 2n },
        { ...cursor, accountId: "bob", conversationId: group, version: 3n },
      ]);
      const rows = await store.read(alice, [group, group, "g-none"]);
      expect(rows.map((row) => [row.accountId, row.conversationId])).toEqual([[alice, group]]);
    });

    test(`${crowd} rows are read in one call`, async () => {
      await using opened = await open();
      const rows = Array.from({ length: crowd }, (_, index) => ({
        accountId: alice,
        conversationId: `g-${index}`,
        readSeq: BigInt(index),
        readOrdinal: 0n,
        version: BigInt(index + 1),
      }));
      await opened.store.raiseReadCursors(rows);
      const ids = rows.map((row) => row.conversationId);
      const read = await opened.store.read(alice, ids);
      expect(read.map((row) => row.conversationId).toSorted()).toEqual(ids.toSorted());
    });

    test("the newest version is the account's own", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.setMute({ accountId: alice, conversationId: group, muteEndMs: 1, version: 9n });
      await store.setMute({ accountId: alice, conversationId: other, muteEndMs: 1, version: 4n });
      await store.setMute({ accountId: "bob", conversationId: other, muteEndMs: 1, version: 11n });
      expect(await store.newestVersion(alice)).toBe(9n);
    });
  });
}
