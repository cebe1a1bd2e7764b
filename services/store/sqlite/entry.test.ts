import { describe, expect, test } from "vitest";
import { describeEntryContract } from "../contract/entry.contract.ts";
import { alice, bob, direct, entryRow, group, headRow } from "../contract/message-rows.ts";
import { createSqliteEntryStore } from "./entry.ts";
import { openMessageStore } from "./fixtures/message-database.ts";
import { createSqliteHeadStore } from "./head.ts";

describeEntryContract("SQLite", () => openMessageStore(createSqliteEntryStore));

const openBoth = () =>
  openMessageStore((database) => ({
    entries: createSqliteEntryStore(database),
    heads: createSqliteHeadStore(database),
    stop: () => database.stop(),
  }));

describe("the heads rows that an append on SQLite raises", () => {
  test("stand at the last entries, with the two members of a direct conversation", async () => {
    await using opened = await openBoth();
    const { entries, heads } = opened.store;
    const rows = [entryRow(direct, 1n), entryRow(group, 1n), entryRow(direct, 2n)];
    expect(await entries.append(rows)).toEqual({ kind: "committed", headsRaised: true });
    expect(await heads.read([direct])).toEqual([
      headRow(direct, {
        headSeq: 2n,
        messageOrdinal: 2n,
        appliedSeq: 2n,
        changeTimeMs: entryRow(direct, 2n).createTimeMs,
        memberLow: alice,
        memberHigh: bob,
      }),
    ]);
    expect(await heads.read([group])).toMatchObject([{ headSeq: 1n, memberLow: "", memberHigh: "" }]);
  });

  test("take applied_seq along up to the first entry with effects, and not beyond before that is recorded", async () => {
    await using opened = await openBoth();
    const { entries, heads } = opened.store;
    await entries.append([
      entryRow(group, 1n),
      entryRow(group, 2n, { hasEffects: true }),
      entryRow(group, 3n),
    ]);
    expect(await heads.read([group])).toMatchObject([{ headSeq: 3n, appliedSeq: 1n }]);
    await entries.append([entryRow(group, 4n)]);
    expect(await heads.read([group])).toMatchObject([{ headSeq: 4n, appliedSeq: 1n }]);
    await heads.raise([headRow(group, { headSeq: 4n, appliedSeq: 4n })]);
    await entries.append([entryRow(group, 5n)]);
    expect(await heads.read([group])).toMatchObject([{ headSeq: 5n, appliedSeq: 5n }]);
  });

  test("start at 0 when the first entry has effects", async () => {
    await using opened = await openBoth();
    const { entries, heads } = opened.store;
    await entries.append([entryRow(group, 1n, { hasEffects: true })]);
    expect(await heads.read([group])).toMatchObject([{ headSeq: 1n, appliedSeq: 0n }]);
  });

  test("are those of the prefix when a row meets an index, and none for void rows", async () => {
    await using opened = await openBoth();
    const { entries, heads } = opened.store;
    await entries.append([entryRow(direct, -9n)]);
    expect(await heads.read([direct])).toEqual([]);
    const met = entryRow(group, 2n, { clientMessageId: "id 1" });
    const outcome = await entries.append([entryRow(group, 1n), met, entryRow(direct, 1n)]);
    expect(outcome).toEqual({ kind: "duplicate", index: 1, headsRaised: true });
    expect(await heads.read([group, direct])).toMatchObject([{ conversationId: group, headSeq: 1n }]);
  });

  test("a database that is stopping refuses: nothing was written", async () => {
    await using opened = await openBoth();
    await opened.store.stop();
    expect(await opened.store.entries.append([entryRow(group, 1n)])).toMatchObject({ kind: "refused" });
  });
});
