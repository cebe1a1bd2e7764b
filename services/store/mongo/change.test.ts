import { expect, test } from "vitest";
import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeChangeContract } from "../contract/change.contract.ts";
import { alice, group, headRow, memberRow } from "../contract/message-rows.ts";
import { createMongoChangeStore } from "./change.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoHeadStore } from "./head.ts";
import { createMongoMembershipStore } from "./membership.ts";
import type { MongoDatabase } from "./mongo-database.ts";

const stores = (database: MongoDatabase) => ({
  changes: createMongoChangeStore(database),
  heads: createMongoHeadStore(database),
  memberships: createMongoMembershipStore(database),
});

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeChangeContract("MongoDB", () => open(stores), { tellsOnce: false, runs: 6 });

  test("a change from shortly before the first look is told, for its write may have been under way", async () => {
    await using opened = await open(stores);
    const { changes, heads, memberships } = opened.store;
    await heads.raise([headRow(group)]);
    await memberships.apply([memberRow(group, alice)]);
    const found = await changes.changedSince(await changes.currentMark(), 10);
    expect(found).toMatchObject({ heads: [{ conversationId: group }], members: [{ accountId: alice }] });
  });

  test("the pages of a look are followed by one that begins before the first of them", async () => {
    await using opened = await open(stores);
    const { changes, heads } = opened.store;
    const start = await changes.currentMark();
    for (const id of ["g-1", "g-2", "g-3"]) await heads.raise([headRow(id)]);
    const first = await changes.changedSince(start, 2);
    expect(first.more).toBe(true);
    const rest = await changes.changedSince(first.mark, 100);
    expect(rest.more).toBe(false);
    const told = [...first.heads, ...rest.heads].map((row) => row.conversationId);
    expect(told).toEqual(["g-1", "g-2", "g-3"]);
    const next = first.mark.split(".").at(-1);
    expect(rest.mark).toBe(`${next}.${next}.`);
    expect((await changes.changedSince(rest.mark, 100)).heads).toHaveLength(3);
  });
});
