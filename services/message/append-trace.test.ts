import { expect, test } from "vitest";
import { encodeId } from "../kernel/id-text.ts";
import { direct, scriptedLog, send, unknownOutcome } from "./fixtures/append-cases.ts";
import { createAppendWorld, moveUntil } from "./fixtures/append-world.ts";

/** The ids of the log's entries, by seq from 1. */
async function entryIds(world: Awaited<ReturnType<typeof createAppendWorld>>): Promise<string[]> {
  return (await world.log(direct)).map(({ entryId }) => encodeId(entryId));
}

test("an owner notes that it accepted an entry, under the entry's id, before it notes that it is committed", async () => {
  const world = await createAppendWorld();
  const { appender, traced } = world.owner();
  await Promise.all([appender.append(send(1)), appender.append(send(2))]);
  const [first, second] = await entryIds(world);
  expect(traced).toEqual([`accepted 1 ${first}`, `accepted 2 ${second}`, "committed 1", "committed 2"]);
  await appender.append(send(1, { retry: true }));
  expect(traced).toHaveLength(4);
});

test("a number that an owner lost to another one is told apart by its id, and the other's entry is found", async () => {
  const world = await createAppendWorld();
  const [stale, rival] = [world.owner(), world.owner()];
  await stale.appender.append(send(1));
  await rival.appender.append(send(2));
  stale.traced.length = 0;
  await moveUntil(world.clock, stale.appender.append(send(3)));
  const [, second, third] = await entryIds(world);
  expect(stale.traced[0]).toMatch(/^accepted 2 /);
  expect(stale.traced[0]).not.toBe(`accepted 2 ${second}`);
  expect(stale.traced.slice(1)).toEqual(["found 2", `accepted 3 ${third}`, "committed 3"]);
});

test("an entry whose commit nobody heard of is found by the owner that wrote it", async () => {
  const world = await createAppendWorld();
  const entries = scriptedLog(world.entries, [async (append) => (await append(), unknownOutcome)]);
  const { appender, traced } = world.owner({ deps: { entries } });
  await moveUntil(world.clock, appender.append(send(1)));
  const [first] = await entryIds(world);
  expect(traced).toEqual([`accepted 1 ${first}`, "found 1"]);
});
