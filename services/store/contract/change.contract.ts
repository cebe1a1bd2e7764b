import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChangeStore, HeadStore, MembershipStore, StoreChanges } from "../../message/ports.ts";
import { alice, bob, carol, direct, group, headRow, memberRow, otherGroup } from "./message-rows.ts";

/** A store of changes with those whose changes it tells. */
export interface ChangingStores {
  readonly changes: ChangeStore;
  readonly heads: HeadStore;
  readonly memberships: MembershipStore;
}

type Open = () => Promise<AsyncDisposable & { readonly store: ChangingStores }>;

/** A node that looks again and again, and remembers of each row what it heard last. */
class Follower {
  /** By row: `head_seq/applied_seq` of a heads row, `seen_seq` of a membership. */
  readonly heard = new Map<string, string>();
  readonly #changes: ChangeStore;
  readonly #rowsMax: number;
  #mark: string;

  private constructor(changes: ChangeStore, rowsMax: number, mark: string) {
    this.#changes = changes;
    this.#rowsMax = rowsMax;
    this.#mark = mark;
  }

  static async start(changes: ChangeStore, rowsMax = 1_000): Promise<Follower> {
    return new Follower(changes, rowsMax, await changes.currentMark());
  }

  async look(): Promise<StoreChanges> {
    const found = await this.#changes.changedSince(this.#mark, this.#rowsMax);
    this.#mark = found.mark;
    for (const { conversationId, headSeq, appliedSeq } of found.heads) {
      this.heard.set(conversationId, `${headSeq}/${appliedSeq}`);
    }
    for (const { conversationId, accountId, seenSeq } of found.members) {
      this.heard.set(`${conversationId} ${accountId}`, String(seenSeq));
    }
    return found;
  }

  /** Looks until there is no more, and answers how many rows each look brought. */
  async lookAll(): Promise<number[]> {
    const sizes: number[] = [];
    for (;;) {
      const { heads, members, more } = await this.look();
      sizes.push(heads.length + members.length);
      if (!more) return sizes;
    }
  }
}

/** One write of the property test: which rows, and by how much they rise. */
const writes = fc.record({
  kind: fc.constantFrom("heads" as const, "applied" as const, "members" as const),
  rows: fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 1, maxLength: 10 }),
});
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: writes },
    fc.record({ kind: fc.constant("look" as const), follower: fc.nat({ max: 1 }) }),
  ),
  { maxLength: 40 },
);

/** What a store does beyond the port, and how much it is tried. */
interface ChangeContractOptions {
  /** Each change comes once; the port lets rows come again. */
  readonly tellsOnce?: boolean;
  /** Runs of the property test. */
  readonly runs?: number;
}

/** What every store of changes does. */
export function describeChangeContract(
  name: string,
  open: Open,
  { tellsOnce = true, runs = 40 }: ChangeContractOptions = {},
): void {
  describe(`changes in ${name}`, () => {
    const testIfOnce = tellsOnce ? test : undefined;

    testIfOnce?.("a first look begins now: what was there before is not told", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      const empty = await Follower.start(changes);
      expect(await empty.look()).toMatchObject({ heads: [], members: [], more: false });
      await heads.raise([headRow(group)]);
      await memberships.apply([memberRow(group, alice)]);
      const late = await Follower.start(changes);
      expect(await late.look()).toMatchObject({ heads: [], members: [], more: false });
      expect(await empty.look()).toMatchObject({ heads: [{}], members: [{}], more: false });
    });

    testIfOnce?.("what was told is not told again", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      const follower = await Follower.start(changes);
      await heads.raise([headRow(group)]);
      await memberships.apply([memberRow(group, alice)]);
      expect(await follower.lookAll()).toEqual([2]);
      expect(await follower.lookAll()).toEqual([0]);
    });

    test("a new row, and one that was raised, are told with what followers need", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      const follower = await Follower.start(changes);
      const big = 2n ** 62n + 1n;
      await heads.raise([headRow(direct, { headSeq: big, memberLow: alice, memberHigh: bob })]);
      await memberships.apply([memberRow(group, carol, { seenSeq: big })]);
      expect(await follower.look()).toEqual({
        heads: [{ conversationId: direct, headSeq: big, appliedSeq: 1n, memberLow: alice, memberHigh: bob }],
        members: [{ conversationId: group, accountId: carol, seenSeq: big }],
        mark: expect.any(String),
        more: false,
      });
      await heads.raise([headRow(direct, { headSeq: big, appliedSeq: big })]);
      expect((await follower.look()).heads).toMatchObject([{ conversationId: direct, appliedSeq: big }]);
    });

    test("a row that changed twice comes once, as it is now", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      const follower = await Follower.start(changes);
      for (const seq of [1n, 2n, 3n]) {
        await heads.raise([headRow(group, { headSeq: seq })]);
        await memberships.apply([memberRow(group, alice, { seenSeq: seq })]);
        await heads.raise([headRow(otherGroup)]);
      }
      const found = await follower.look();
      expect(found.heads.filter((row) => row.conversationId === group)).toMatchObject([{ headSeq: 3n }]);
      expect(found.members).toMatchObject([{ accountId: alice, seenSeq: 3n }]);
    });

    test("pages leave out none of the rows that one call changed, nor of those before and after it", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      const follower = await Follower.start(changes, 20);
      const ids = (kind: string, count: number): string[] =>
        Array.from({ length: count }, (_, index) => `g-${kind}-${index}`);
      await heads.raise(ids("first", 5).map((id) => headRow(id)));
      await heads.raise(ids("many", 50).map((id) => headRow(id)));
      await memberships.apply(ids("a", 70).map((accountId) => memberRow(group, accountId)));
      for (const id of ids("single", 60)) await heads.raise([headRow(id)]);
      for (const id of ids("b", 10)) await memberships.apply([memberRow(group, id)]);
      const sizes = await follower.lookAll();
      expect(follower.heard.size).toBe(5 + 50 + 70 + 60 + 10);
      expect(sizes.length).toBeGreaterThan(2);
      // Nothing came twice, for nothing was changed meanwhile.
      const told = sizes.reduce((sum, size) => sum + size);
      expect(tellsOnce ? told : follower.heard.size).toBe(195);
    });

    test("a page of one row makes progress in both kinds", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      const follower = await Follower.start(changes, 1);
      for (const id of [group, otherGroup, direct]) await heads.raise([headRow(id)]);
      for (const accountId of [alice, bob]) await memberships.apply([memberRow(group, accountId)]);
      await follower.lookAll();
      expect(follower.heard.size).toBe(5);
    });

    test("whoever looks at any moment, also while writes are under way, ends with every row as it is", async () => {
      await using opened = await open();
      const { changes, heads, memberships } = opened.store;
      let top = 1n;
      await fc.assert(
        fc.asyncProperty(steps, fc.integer({ min: 1, max: 30 }), async (run, rowsMax) => {
          const followers = [await Follower.start(changes, rowsMax), await Follower.start(changes, 1_000)];
          const written = new Map<string, string>();
          const running: Promise<unknown>[] = [];
          for (const step of run) {
            top += 1n;
            if (step.kind === "look") await followers[step.follower]?.look();
            else if (step.kind === "members") {
              const rows = step.rows.map((row) => memberRow(group, `a${row}`, { seenSeq: top }));
              for (const row of rows) written.set(`${group} ${row.accountId}`, String(top));
              running.push(memberships.apply(rows));
            } else {
              const appliedSeq = step.kind === "applied" ? top : 1n;
              const rows = step.rows.map((row) => headRow(`g-${row}`, { headSeq: top, appliedSeq }));
              for (const row of rows) written.set(row.conversationId, String(top));
              running.push(heads.raise(rows));
            }
          }
          await Promise.all(running);
          for (const follower of followers) {
            await follower.lookAll();
            for (const [row, seq] of written) expect(follower.heard.get(row)?.split("/")[0]).toBe(seq);
          }
        }),
        { numRuns: runs },
      );
    });

    test("a mark that it did not give out is refused", async () => {
      await using opened = await open();
      await expect(opened.store.changes.changedSince("yesterday", 10)).rejects.toThrow(
        /no mark of this store/,
      );
    });
  });
}
