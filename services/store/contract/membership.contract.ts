import { describe, expect, test } from "vitest";
import type { MembershipCounts, MembershipStore } from "../../message/ports.ts";
import { alice, bob, carol, group, memberRow, otherGroup } from "./message-rows.ts";

type Open = () => Promise<AsyncDisposable & { readonly store: MembershipStore & MembershipCounts }>;

/** What every store of memberships and groups does. `crowd`: members of the largest group. */
export function describeMembershipContract(name: string, open: Open, { crowd = 5_000 } = {}): void {
  describe(`memberships in ${name}`, () => {
    test("a row is read back by group, by account and by both, with all of its intervals", async () => {
      await using opened = await open();
      const { store } = opened;
      const row = memberRow(group, alice, {
        intervals: [
          { from: 0n, to: 2n ** 61n },
          { from: 2n ** 61n + 4n, to: undefined },
        ],
        role: "owner",
        seenSeq: 2n ** 62n + 1n,
        version: 2n ** 62n + 3n,
      });
      await store.apply([row]);
      expect(await store.ofConversation(group)).toEqual([row]);
      expect(await store.ofAccount(alice)).toEqual([row]);
      expect(await store.read([group], alice)).toEqual([row]);
    });

    test("a row replaces one that has seen less, and changes nothing otherwise", async () => {
      await using opened = await open();
      const { store } = opened;
      const first = memberRow(group, alice, { seenSeq: 5n, version: 1n });
      await store.apply([first]);
      await store.apply([memberRow(group, alice, { seenSeq: 5n, version: 2n, role: "owner" })]);
      await store.apply([memberRow(group, alice, { seenSeq: 4n, version: 3n, role: "owner" })]);
      expect(await store.ofConversation(group)).toEqual([first]);
      const later = memberRow(group, alice, { seenSeq: 6n, version: 4n, intervals: [{ from: 0n, to: 6n }] });
      await store.apply([later]);
      expect(await store.ofConversation(group)).toEqual([later]);
    });

    test("of rows applied at the same moment the one that has seen most stays", async () => {
      await using opened = await open();
      const { store } = opened;
      for (const id of Array.from({ length: 10 }, (_, index) => `g-${index}`)) {
        const seqs = [2n, 5n, 1n, 4n, 3n];
        await Promise.all(seqs.map((seenSeq) => store.apply([memberRow(id, alice, { seenSeq })])));
        expect(await store.ofConversation(id)).toEqual([memberRow(id, alice, { seenSeq: 5n })]);
      }
    });

    test("one call applies several rows, of one account too, in their order", async () => {
      await using opened = await open();
      const { store } = opened;
      const last = memberRow(group, alice, { seenSeq: 9n });
      await store.apply([memberRow(group, bob), memberRow(group, alice, { seenSeq: 3n }), last]);
      await store.apply([]);
      expect(await store.ofConversation(group)).toEqual([last, memberRow(group, bob)]);
    });

    test("a group lists its members by account id, and an account its groups, past ones included", async () => {
      await using opened = await open();
      const { store } = opened;
      const left = memberRow(group, bob, { intervals: [{ from: 0n, to: 4n }], seenSeq: 4n });
      await store.apply([memberRow(group, carol), left, memberRow(group, alice), memberRow(otherGroup, bob)]);
      const members = await store.ofConversation(group);
      expect(members.map((row) => row.accountId)).toEqual([alice, bob, carol]);
      const ofBob = await store.ofAccount(bob);
      expect(ofBob.map((row) => row.conversationId).toSorted()).toEqual([group, otherGroup]);
      expect(await store.ofConversation("g-none")).toEqual([]);
    });

    test("a read answers each row asked for once and nobody else's", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.apply([memberRow(group, alice), memberRow(otherGroup, alice), memberRow(group, bob)]);
      const rows = await store.read([group, group, "g-none"], alice);
      expect(rows.map((row) => [row.conversationId, row.accountId])).toEqual([[group, alice]]);
      expect(await store.read([], alice)).toEqual([]);
    });

    test("only open memberships are counted", async () => {
      await using opened = await open();
      const { store } = opened;
      await store.apply([
        memberRow(group, alice),
        memberRow(otherGroup, alice),
        memberRow(group, bob, { intervals: [{ from: 0n, to: 2n }], seenSeq: 2n }),
        memberRow(otherGroup, bob, {
          intervals: [
            { from: 0n, to: 2n },
            { from: 5n, to: undefined },
          ],
          seenSeq: 6n,
        }),
      ]);
      const counts = await store.countOpen([alice, bob, carol]);
      expect([alice, bob, carol].map((accountId) => counts.get(accountId) ?? 0)).toEqual([2, 1, 0]);
      await store.apply([memberRow(group, alice, { intervals: [{ from: 0n, to: 7n }], seenSeq: 7n })]);
      expect((await store.countOpen([alice])).get(alice)).toBe(1);
      expect((await store.countOpen([])).size).toBe(0);
    });

    test("the newest version is the greatest among the account's own rows, past memberships included", async () => {
      await using opened = await open();
      const { store } = opened;
      expect(await store.newestVersion(alice)).toBe(0n);
      await store.apply([
        memberRow(group, alice, { version: 2n ** 62n + 1n, intervals: [{ from: 0n, to: 2n }] }),
        memberRow(otherGroup, alice, { version: 4n }),
        memberRow(group, bob, { version: 2n ** 62n + 5n }),
      ]);
      expect(await store.newestVersion(alice)).toBe(2n ** 62n + 1n);
      await store.apply([memberRow(otherGroup, alice, { version: 2n ** 62n + 9n, seenSeq: 2n })]);
      expect(await store.newestVersion(alice)).toBe(2n ** 62n + 9n);
      // One that changes nothing leaves the version too.
      await store.apply([memberRow(otherGroup, alice, { version: 2n ** 62n + 10n, seenSeq: 2n })]);
      expect(await store.newestVersion(alice)).toBe(2n ** 62n + 9n);
    });

    test("a group's row stays as it was first put", async () => {
      await using opened = await open();
      const { store } = opened;
      const row = { conversationId: group, name: "Friends ❤", createTimeMs: 1_700_000_000_000 };
      await store.putGroup(row);
      await store.putGroup({ ...row, name: "Others" });
      await store.putGroup({ ...row, conversationId: otherGroup });
      expect(await store.readGroups([group, group, "g-none"])).toEqual([row]);
      expect(await store.readGroups([])).toEqual([]);
    });

    test(`a group of ${crowd} is applied in one call and listed in one`, async () => {
      await using opened = await open();
      const { store } = opened;
      const rows = Array.from({ length: crowd }, (_, index) =>
        memberRow(group, `a${String(index).padStart(12, "0")}`),
      );
      await store.apply(rows);
      expect(await store.ofConversation(group)).toEqual(rows);
    });
  });
}
