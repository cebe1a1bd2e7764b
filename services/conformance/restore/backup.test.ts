import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { SendRecord } from "../../history/history.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import {
  bundledNode,
  finish,
  launcher,
  runParley,
  startParleyCommand,
  startProgram,
  temporaryDirectory,
} from "../command/parley-command.ts";
import { listLog } from "../harness/listed-log.ts";
import { suiteNeeds } from "../tools.ts";
import { problemsOf } from "./restored-problems.ts";
import { RestoredWorld } from "./restored-world.ts";

const written = z.object({ entries: z.number(), conversations: z.number(), bytes: z.number() });
const restored = z.object({
  epoch: z.string(),
  keptIn: z.string().nullable(),
  undone: z.object({ entries: z.number(), conversations: z.number() }).nullable(),
});

/** Backs the world's store up; the command must succeed. */
async function backUp(world: RestoredWorld, file: string) {
  const { status, stdout, stderr } = await runParley(["backup", file, "--data", world.directory, "--json"]);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return written.parse(JSON.parse(stdout));
}

/** Restores it; the command must succeed. */
async function restore(world: RestoredWorld, file: string) {
  const { status, stdout, stderr } = await runParley(["restore", file, "--data", world.directory, "--json"]);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return restored.parse(JSON.parse(stdout));
}

/** Up to which seq the send was acknowledged; 0 when it was not. */
function seqOf({ outcome }: SendRecord): bigint {
  return outcome.kind === "acknowledged" ? outcome.seq : 0n;
}

const everybody = [0, 1, 2];

test.each([1, 3])(
  "%i nodes are backed up while they take sends and one is killed, restored, and their devices drop what was undone",
  { timeout: 200_000 },
  async (nodes) => {
    await using world = await RestoredWorld.start(nodes);
    using directory = temporaryDirectory();
    const { groupId } = world;
    const before = await world.say(0, groupId, 6);
    const stop = new AbortController();
    const during = (async (): Promise<SendRecord[]> => {
      const sends: SendRecord[] = [];
      while (!stop.signal.aborted) sends.push(...(await world.say(0, groupId, 2)));
      return sends;
    })();
    const file = (index: number): string => join(directory.path, `${index}.backup`);
    await backUp(world, file(0));
    // A node that is killed in the middle leaves nothing that a backup would trip over.
    const killed = nodes > 1 ? world.cluster.nodes[2]?.process.kill("SIGKILL") : undefined;
    const counts = await backUp(world, file(1));
    await killed;
    await backUp(world, file(2));
    stop.abort();
    const acknowledged = [...before, ...(await during)];
    const last = (await world.say(0, groupId, 8)).at(-1);
    // The device at the node that was killed is behind: it may hold less than the backup has.
    const present = nodes > 1 ? [0, 1] : everybody;
    await world.holds(present, groupId, last === undefined ? 0n : seqOf(last));
    await world.stopAll("SIGKILL");
    expect(statSync(file(1)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory.path)).toEqual(["0.backup", "1.backup", "2.backup"]);

    const report = await restore(world, file(1));
    expect(report).toMatchObject({ undone: { conversations: 1 } });
    expect(Number(report.epoch)).toBeGreaterThan(1);
    expect(report.undone?.entries).toBeGreaterThanOrEqual(8);
    await world.startAll();
    expect(await world.epochs()).toEqual(Array(nodes).fill(Number(report.epoch)));
    // One entry of the group is not a message: its beginning.
    const head = BigInt(counts.entries);
    await world.holds(everybody, groupId, head);
    expect(before.every((send) => seqOf(send) > 0n && seqOf(send) <= head)).toBe(true);
    const kept = acknowledged.filter((send) => seqOf(send) > 0n && seqOf(send) <= head);
    kept.push(...(await world.say(1, groupId, 5)));
    await world.holds(everybody, groupId, head + 5n);
    expect(present.every((index) => world.deviceAt(index).device.tally.rewound > 0)).toBe(true);
    expect(await problemsOf(world, kept)).toEqual([]);
  },
);

test("a restore that forgot the coordinator's file, twice, uses no epoch again, and its devices agree", {
  timeout: 150_000,
}, async () => {
  await using world = await RestoredWorld.start(1);
  using directory = temporaryDirectory();
  const { groupId } = world;
  const kept = [...(await world.say(0, groupId, 4))];
  await world.holds(everybody, groupId, 5n);
  const file = join(directory.path, "parley.backup");
  await backUp(world, file);
  const loseAndRestore = async (): Promise<string> => {
    await world.say(1, groupId, 6);
    await world.holds(everybody, groupId, 11n);
    await world.stopAll("SIGKILL");
    for (const name of readdirSync(world.directory)) {
      if (/^(?:parley|cluster)\.db/.test(name)) rmSync(join(world.directory, name));
    }
    const { epoch, undone, keptIn } = await restore(world, file);
    expect([undone, keptIn]).toEqual([null, null]);
    await world.startAll();
    await world.holds(everybody, groupId, 5n);
    return epoch;
  };
  const epochs = [await loseAndRestore(), await loseAndRestore()];
  expect(new Set(epochs).size).toBe(2);
  kept.push(...(await world.say(2, groupId, 3)));
  await world.holds(everybody, groupId, 8n);
  expect(await problemsOf(world, kept)).toEqual([]);
});

test("a restore that is killed at any time leaves the old store or the new one, which a node opens", {
  timeout: 200_000,
}, async () => {
  await using world = await RestoredWorld.start(1);
  using directory = temporaryDirectory();
  const { groupId } = world;
  await world.say(0, groupId, 3);
  const file = join(directory.path, "parley.backup");
  const oldCount = (await backUp(world, file)).entries;
  await world.say(0, groupId, 4);
  await world.stopAll("SIGTERM");
  const later = join(directory.path, "later.backup");
  const newCount = (await backUp(world, later)).entries;
  expect([oldCount, newCount]).toEqual([4, 8]);
  const found: number[] = [];
  for (const waits of [/^\.restore-/, /^before-restore-/]) {
    const argv = ["restore", file, "--data", world.directory];
    await using running = startParleyCommand(argv);
    await waitUntil("the restore is under way", () =>
      readdirSync(world.directory).some((name) => waits.test(name)),
    );
    running.child.kill("SIGKILL");
    await running.ended;
    found.push((await backUp(world, join(directory.path, `${found.length}.backup`))).entries);
  }
  expect(found.every((count) => count === oldCount || count === newCount)).toBe(true);
  await world.startAll();
  const { user } = world.deviceAt(0).device;
  expect((await listLog(user, groupId)).entries.map(({ seq }) => seq).at(-1)).toBe(BigInt(found.at(-1) ?? 0));
});

describe("what is refused", () => {
  test("a restore under a running node names it; files that are no backup, and targets that are there or cannot be written, are told", {
    timeout: 120_000,
  }, async () => {
    await using world = await RestoredWorld.start(1);
    using directory = temporaryDirectory();
    const data = ["--data", world.directory];
    const file = join(directory.path, "parley.backup");
    await world.say(0, world.groupId, 2);
    await backUp(world, file);
    const running = await runParley(["restore", file, ...data]);
    expect(running.status).toBe(1);
    expect(running.stderr).toContain("node-1 is running on this store");
    const before = readFileSync(file);
    const again = await runParley(["backup", file, ...data]);
    expect(again.stderr).toContain("is there already");
    expect(readFileSync(file).equals(before)).toBe(true);
    const nowhere = await runParley(["backup", join(file, "below"), ...data]);
    expect([nowhere.status, nowhere.stderr]).toEqual([1, expect.stringContaining("ENOTDIR")]);
    const text = join(directory.path, "text");
    writeFileSync(text, "no backup ".repeat(200));
    const wrong = await runParley(["restore", text, ...data]);
    expect([wrong.status, wrong.stderr]).toEqual([5, expect.stringContaining("is no SQLite database")]);
    expect(readdirSync(directory.path).toSorted()).toEqual(["parley.backup", "text"]);
  });

  suiteNeeds(["prlimit"])("for lack of space", () => {
    test("a backup that the disk does not hold says so and leaves nothing", { timeout: 60_000 }, async () => {
      await using world = await RestoredWorld.start(1);
      using directory = temporaryDirectory();
      await world.say(0, world.groupId, 2);
      const argv = ["backup", join(directory.path, "x.backup"), "--data", world.directory];
      // The limit on the size of files stands for a disk that is full: writes fail in the same place.
      const limited = ["--fsize=65536", bundledNode, launcher, ...argv];
      const { status, stderr } = await finish(startProgram("prlimit", limited));
      expect(status).toBe(5);
      expect(stderr).toMatch(/x\.backup.*(?:full|disk I\/O|too large)/);
      expect(readdirSync(directory.path)).toEqual([]);
    });
  });
});
