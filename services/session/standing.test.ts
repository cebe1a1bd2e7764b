import { expect, test } from "vitest";
import { feedLimits } from "./feed-limits.ts";
import { accountId, FeedWorld, groupId, message } from "./fixtures/feed-world.ts";
import { readStandings, type Wanted } from "./standing.ts";

const alice = accountId(1);
const group = groupId(1);

function wanted(conversationId: string, seqs: Partial<Pick<Wanted, "heldSeq" | "knownSeq">> = {}): Wanted {
  return { conversationId, isGroup: conversationId.startsWith("g-"), heldSeq: 0n, knownSeq: 0n, ...seqs };
}

function groupWith(world: FeedWorld, messages: number): void {
  world.append(group, { case: "groupCreated", value: { memberIds: [alice] } });
  for (let count = 0; count < messages; count += 1) world.append(group, message());
}

const read = (
  world: FeedWorld,
  list: readonly Wanted[],
  limits = {},
  learnHead = (_id: string, head: bigint) => head,
) => readStandings({ ...world.deps, limits: { ...feedLimits, ...limits } }, alice, list, learnHead);

test("effects are finished before the rows are read, and only where they are not", async () => {
  const world = new FeedWorld();
  groupWith(world, 2);
  expect((await read(world, [wanted(group)])).get(group)).toEqual({
    head: 3n,
    intervals: [{ from: 0n, to: undefined }],
  });
  await read(world, [wanted(group)]);
  expect(world.reads.settle).toBe(1);
});

test("rows are as new as the highest head that anybody knows", async () => {
  const world = new FeedWorld();
  groupWith(world, 0);
  world.apply(group);
  world.append(group, { case: "memberRemoved", value: { accountId: alice } });
  world.headLag.set(group, 1n);
  expect((await read(world, [wanted(group)])).get(group)?.intervals).toEqual([{ from: 0n, to: undefined }]);
  const standings = await read(world, [wanted(group)], {}, () => 2n);
  expect(standings.get(group)).toEqual({ head: 2n, intervals: [{ from: 0n, to: 2n }] });
});

test("an entry that an event has proved counts, however late the heads row is", async () => {
  const world = new FeedWorld();
  groupWith(world, 0);
  world.headLag.set(group, 1n);
  expect((await read(world, [wanted(group, { knownSeq: 1n })])).get(group)?.intervals.length).toBe(1);
});

test("the log is asked only where more is held than the heads row says", async () => {
  const world = new FeedWorld();
  groupWith(world, 4);
  world.headLag.set(group, 2n);
  expect((await read(world, [wanted(group, { heldSeq: 3n })])).get(group)?.head).toBe(3n);
  expect(world.reads.readLast).toBe(0);
  expect((await read(world, [wanted(group, { heldSeq: 9n })])).get(group)?.head).toBe(5n);
  expect(world.reads.readLast).toBe(1);
});

test("many conversations are read in chunks, and all of them are answered", async () => {
  const world = new FeedWorld();
  const ids = [1, 2, 3, 4, 5].map(groupId);
  for (const id of ids) world.append(id, { case: "groupCreated", value: { memberIds: [alice] } });
  const standings = await read(
    world,
    ids.map((id) => wanted(id)),
    { idsPerReadMax: 2 },
  );
  expect([...standings.keys()]).toEqual(ids);
  expect(world.reads).toMatchObject({ heads: 3, settle: 3, memberships: 3 });
});

test("a group without a row of the account has no intervals", async () => {
  const world = new FeedWorld();
  world.append(group, { case: "groupCreated", value: { memberIds: [] } });
  expect((await read(world, [wanted(group), wanted(groupId(9))])).get(group)).toEqual({
    head: 1n,
    intervals: [],
  });
});
