import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { describeChangeContract } from "../contract/change.contract.ts";
import {
  alice,
  bob,
  direct,
  entryRow,
  group,
  headRow,
  memberRow,
  otherGroup,
} from "../contract/message-rows.ts";
import { createSqliteChangeStore } from "./change.ts";
import { createSqliteEntryStore } from "./entry.ts";
import { type MessageDatabase, openMessageStore } from "./fixtures/message-database.ts";
import { messagesSchema } from "./fixtures/message-procedures.ts";
import { createSqliteHeadStore } from "./head.ts";
import { createSqliteMembershipStore } from "./membership.ts";

const stores = (database: MessageDatabase) => ({
  changes: createSqliteChangeStore(database),
  entries: createSqliteEntryStore(database),
  heads: createSqliteHeadStore(database),
  memberships: createSqliteMembershipStore(database),
});

describeChangeContract("SQLite", () => openMessageStore(stores));

describe("changes in SQLite", () => {
  test("every append is one, with the members that the id of a direct conversation names", async () => {
    await using opened = await openMessageStore(stores);
    const { changes, entries } = opened.store;
    const mark = await changes.currentMark();
    await entries.append([
      entryRow(direct, 1n),
      entryRow(group, 1n, { hasEffects: true }),
      entryRow(direct, 2n),
    ]);
    const found = await changes.changedSince(mark, 10);
    expect(
      found.heads.toSorted((one, other) => (one.conversationId < other.conversationId ? -1 : 1)),
    ).toEqual([
      { conversationId: direct, headSeq: 2n, appliedSeq: 2n, memberLow: alice, memberHigh: bob },
      { conversationId: group, headSeq: 1n, appliedSeq: 0n, memberLow: "", memberHigh: "" },
    ]);
    // The part of a batch before a duplicate counts, a void row does not.
    await entries.append([entryRow(otherGroup, 1n), entryRow(group, 1n), entryRow(direct, 3n)]);
    await entries.append([entryRow(direct, -7n)]);
    expect((await changes.changedSince(found.mark, 10)).heads).toMatchObject([
      { conversationId: otherGroup },
    ]);
  });

  test("the rows of one batch come together, however small the page", async () => {
    await using opened = await openMessageStore(stores);
    const { changes, entries } = opened.store;
    const mark = await changes.currentMark();
    await entries.append(Array.from({ length: 30 }, (_, index) => entryRow(`g-${index}`, 1n)));
    await entries.append([entryRow(group, 1n)]);
    const first = await changes.changedSince(mark, 4);
    expect([first.heads.length, first.more]).toEqual([30, true]);
    const rest = await changes.changedSince(first.mark, 4);
    expect([rest.heads.length, rest.more]).toEqual([1, false]);
  });

  test("a raise or an apply that changes nothing is no change", async () => {
    await using opened = await openMessageStore(stores);
    const { changes, heads, memberships } = opened.store;
    await heads.raise([headRow(group, { headSeq: 5n })]);
    await memberships.apply([memberRow(group, alice, { seenSeq: 5n })]);
    const mark = await changes.currentMark();
    await heads.raise([headRow(group, { headSeq: 4n })]);
    await memberships.apply([memberRow(group, alice, { seenSeq: 5n, role: "owner" })]);
    expect(await changes.currentMark()).toBe(mark);
  });

  test("a mark above the store's own, as after a restored backup, tells everything that was ever marked", async () => {
    await using opened = await openMessageStore(stores);
    const { changes, heads, memberships } = opened.store;
    await heads.raise([headRow(group)]);
    await memberships.apply([memberRow(group, alice)]);
    const found = await changes.changedSince("900.900", 10);
    expect([found.heads.length, found.members.length]).toEqual([1, 1]);
    expect(found.mark).toBe(await changes.currentMark());
  });

  test("what it asks at each look is answered by an index alone", () => {
    using database = new DatabaseSync(":memory:");
    database.exec(messagesSchema);
    const planOf = (sql: string): string =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((step) => String(step["detail"]))
        .join("; ");
    const since = "change_mark > 1 AND change_mark <= 9";
    const heads = `SELECT conversation_id, head_seq, applied_seq, member_low, member_high FROM head WHERE ${since}`;
    expect(planOf(heads)).toMatch(/^SEARCH head USING COVERING INDEX head_change /);
    const members = `SELECT conversation_id, account_id, seen_seq FROM membership WHERE ${since}`;
    expect(planOf(members)).toMatch(/^SEARCH membership USING COVERING INDEX membership_change /);
    for (const table of ["head", "membership"]) {
      expect(planOf(`SELECT coalesce(max(change_mark), 0) AS mark FROM ${table}`)).toContain(
        "COVERING INDEX",
      );
    }
    const newest = "SELECT version FROM membership WHERE account_id = 'a' ORDER BY version DESC LIMIT 1";
    expect(planOf(newest)).toMatch(/^SEARCH membership USING COVERING INDEX membership_version [^;]*$/);
  });
});
