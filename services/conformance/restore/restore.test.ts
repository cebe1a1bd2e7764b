import { expect, test } from "vitest";
import { listLog } from "../harness/listed-log.ts";
import { directConversationId } from "../harness/user.ts";
import { problemsOf } from "./restored-problems.ts";
import { RestoredWorld } from "./restored-world.ts";

const everybody = [0, 1, 2];

test.each([1, 2])(
  "%i nodes whose store is put back begin an epoch, and their devices drop what was undone and agree again",
  { timeout: 150_000 },
  async (nodes) => {
    await using world = await RestoredWorld.start(nodes);
    const { groupId, directId } = world;
    const kept = [...(await world.say(0, groupId, 6)), ...(await world.say(1, directId, 3))];
    await world.holds(everybody, groupId, 7n);
    await world.holds([0, 1], directId, 3n);
    const copy = await world.copy();
    expect(await world.epochs()).toEqual(Array(nodes).fill(1));

    // Written after the copy, acknowledged by the devices, and undone; the third device comes back late.
    await world.say(1, groupId, 10);
    await world.say(0, directId, 4);
    await world.holds(everybody, groupId, 17n);
    await world.holds([0, 1], directId, 7n);
    await world.deviceAt(2).setAway(true);
    await world.putBack(copy);
    expect(await world.epochs()).toEqual(Array(nodes).fill(2));
    await world.holds([0, 1], groupId, 7n);
    await world.holds([0, 1], directId, 3n);

    // More than was undone: the late device's position is of an earlier epoch, and below the head.
    kept.push(...(await world.say(0, groupId, 14)), ...(await world.say(1, directId, 1)));
    await world.holds([0, 1], groupId, 21n);
    await world.deviceAt(2).setAway(false);
    await world.holds(everybody, groupId, 21n);
    expect(world.devices.map(({ device }) => device.tally.rewound)).toEqual([2, 2, 1]);
    expect(await problemsOf(world, kept)).toEqual([]);

    // The same copy once more: the epoch that it says is long gone, so the next one is above all that devices have seen.
    await world.putBack(copy);
    expect(await world.epochs()).toEqual(Array(nodes).fill(3));
    await world.holds(everybody, groupId, 7n);
    const last = [...(await world.say(2, groupId, 2)), ...(await world.say(1, directId, 2))];
    await world.holds(everybody, groupId, 9n);
    expect(await problemsOf(world, [...kept.slice(0, 9), ...last])).toEqual([]);
    const { user } = world.deviceAt(0).device;
    const page = await user.messages.listEntries({ conversationId: groupId, seq: 6n, pageSize: 10 });
    expect(page.entries.map(({ seq, epoch }) => [seq, epoch])).toEqual([
      [7n, 1n],
      [8n, 3n],
      [9n, 3n],
    ]);
    const said = world.cluster.nodes.flatMap(({ process }) => process.logs).join("\n");
    expect(said).toContain("its epoch was raised");
  },
);

test("what was begun after the copy is gone as a whole, and begins anew for a device that held it", {
  timeout: 90_000,
}, async () => {
  await using world = await RestoredWorld.start(1);
  const [, one, other] = world.users;
  const newDirect = directConversationId(one?.accountId ?? "", other?.accountId ?? "");
  const copy = await world.copy();
  await world.say(1, newDirect, 5);
  await world.holds([1, 2], newDirect, 5n);
  await world.deviceAt(2).setAway(true);
  await world.putBack(copy);
  await world.holds([1], newDirect, 0n);
  await world.say(1, newDirect, 8);
  await world.deviceAt(2).setAway(false);
  await world.holds([1, 2], newDirect, 8n);
  const log = await listLog(world.deviceAt(1).device.user, newDirect);
  for (const index of [1, 2]) {
    const { store, user } = world.deviceAt(index).device;
    expect(store.history(user.deviceId, newDirect).entries).toEqual(log.entries);
  }
});

test("an older copy that was gone on with, and then a newer one: nothing of the store between them is left on any device", {
  timeout: 90_000,
}, async () => {
  await using world = await RestoredWorld.start(1);
  const { groupId } = world;
  const kept = [...(await world.say(0, groupId, 4))];
  const older = await world.copy();
  kept.push(...(await world.say(1, groupId, 6)));
  await world.holds(everybody, groupId, 11n);
  const newer = await world.copy();
  await world.putBack(older);
  await world.holds(everybody, groupId, 5n);
  await world.say(2, groupId, 9);
  await world.holds(everybody, groupId, 14n);
  await world.deviceAt(2).setAway(true);
  await world.putBack(newer);
  // The numbers 6 to 11 are other entries now, which no recorded head of this store tells.
  kept.push(...(await world.say(0, groupId, 5)));
  await world.deviceAt(2).setAway(false);
  await world.holds(everybody, groupId, 16n);
  expect(await world.epochs()).toEqual([3]);
  expect(await problemsOf(world, kept)).toEqual([]);
});
