import { expect, test } from "vitest";
import { DeviceRoster, type RosterDevice } from "./device-roster.ts";

const limits = { devicesMax: 3, silenceMsMax: 1_000 };

function device(deviceId: string, attachedMs: number, generation = 1n, ordinal = 0n) {
  return { deviceId, attachedMs, generation, ordinal, nodeId: "b" };
}

function idsOf(devices: readonly RosterDevice[]): string[] {
  return devices.map(({ deviceId }) => deviceId);
}

test("of too many devices those here go that were attached longest ago, wherever the others are", () => {
  const roster = new DeviceRoster(limits);
  roster.attached(device("x", 20), 0);
  roster.attached(device("y", 40), 0);
  const here = [device("a", 10), device("b", 30)];
  expect(idsOf(roster.surplus(here, 0))).toEqual(["a"]);
  // The oldest is elsewhere: its node is the one to end it.
  expect(roster.surplus([device("c", 50), device("d", 60)], 0)).toEqual([]);
});

test("a device counts once, and as attached here when it is", () => {
  const roster = new DeviceRoster(limits);
  for (const deviceId of ["a", "b", "c"]) roster.attached(device(deviceId, 1), 0);
  expect(roster.surplus([device("a", 5, 2n), device("b", 6, 2n), device("c", 7, 2n)], 0)).toEqual([]);
});

test("what is said of an older attach changes nothing", () => {
  const roster = new DeviceRoster(limits);
  roster.attached(device("x", 20, 5n), 0);
  roster.detached({ deviceId: "x", generation: 4n, ordinal: 0n });
  roster.attached(device("x", 1, 4n), 0);
  const here = [device("a", 10), device("b", 30), device("c", 40)];
  expect(idsOf(roster.surplus(here, 0))).toEqual(["a"]);
  roster.detached({ deviceId: "x", generation: 5n, ordinal: 0n });
  expect(roster.surplus(here, 0)).toEqual([]);
});

test("of two attaches that the device numbered the higher number counts, whatever the store said", () => {
  const roster = new DeviceRoster(limits);
  roster.attached(device("x", 20, 1n, 8n), 0);
  roster.attached(device("x", 90, 2n, 7n), 0);
  roster.detached({ deviceId: "x", generation: 2n, ordinal: 7n });
  const here = [device("a", 10), device("b", 30), device("c", 40)];
  expect(idsOf(roster.surplus(here, 0))).toEqual(["a"]);
  // One that does not number its attaches, as an earlier version of it did, goes by what the store said.
  roster.detached({ deviceId: "x", generation: 3n, ordinal: 0n });
  expect(roster.surplus(here, 0)).toEqual([]);
});

test("a device that attaches here is no more elsewhere", () => {
  const roster = new DeviceRoster(limits);
  roster.attached(device("x", 90, 1n), 0);
  roster.attachedHere({ deviceId: "x", generation: 2n, ordinal: 0n });
  expect(roster.surplus([device("a", 10), device("b", 20), device("c", 30)], 0)).toEqual([]);
});

test("a device of which nothing was heard for long is gone", () => {
  const roster = new DeviceRoster(limits);
  roster.attached(device("x", 90), 0);
  const here = [device("a", 10), device("b", 30), device("c", 40)];
  expect(roster.surplus(here, 1_000)).toHaveLength(1);
  expect(roster.surplus(here, 1_001)).toEqual([]);
});

test("more remote devices than it keeps push out those heard of first", () => {
  const roster = new DeviceRoster(limits);
  for (let index = 0; index < 13; index += 1) roster.attached(device(`x${index}`, 100 + index), index);
  for (let index = 1; index < 13; index += 1)
    roster.detached({ deviceId: `x${index}`, generation: 1n, ordinal: 0n });
  expect(roster.surplus([device("a", 10), device("b", 30), device("c", 40)], 20)).toEqual([]);
});
