import { expect, test } from "vitest";
import { describeChangeContract } from "../contract/change.contract.ts";
import { group, headRow } from "../contract/message-rows.ts";
import { createMemoryChanges } from "./change.ts";
import { createMemoryHeadStore } from "./head.ts";
import { createMemoryMembershipStore } from "./membership.ts";

function createStores() {
  const changes = createMemoryChanges();
  return {
    changes,
    heads: createMemoryHeadStore(changes),
    memberships: createMemoryMembershipStore(changes),
  };
}

describeChangeContract("memory", async () => ({
  store: createStores(),
  [Symbol.asyncDispose]: async () => undefined,
}));

test("a raise that raises nothing is no change", async () => {
  const { changes, heads } = createStores();
  await heads.raise([headRow(group, { headSeq: 5n })]);
  const mark = await changes.currentMark();
  await heads.raise([headRow(group, { headSeq: 4n })]);
  expect(await changes.currentMark()).toBe(mark);
});
