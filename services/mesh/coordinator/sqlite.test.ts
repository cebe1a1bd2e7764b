import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { systemRng } from "../../kernel/system-rng.ts";
import { recordingLogger } from "../../sqlite/fixtures/recording.ts";
import { openDatabase } from "../../sqlite/open-database.ts";
import { type Coordinator, leaseMs } from "../coordinator.ts";
import { describeCoordinatorContract } from "../fixtures/coordinator.contract.ts";
import { FreezableClock } from "../fixtures/freezable-clock.ts";
import { nodeRecord } from "../fixtures/node-records.ts";
import { SqliteCluster } from "../fixtures/sqlite-cluster.ts";
import { openSqliteCoordinator } from "./sqlite.ts";

describeCoordinatorContract("SQLite", async () => new SqliteCluster());

async function idsOf(coordinator: Coordinator): Promise<readonly string[]> {
  return (await coordinator.list()).map(({ nodeId }) => nodeId);
}

test("the first coordinator after all nodes have died lists them for one lease more", async () => {
  await using cluster = new SqliteCluster();
  const before = await cluster.open();
  await before.register(nodeRecord("dead"));
  await before.stop();
  await cluster.clock.advance(100 * leaseMs);
  const after = await cluster.open();
  expect(await idsOf(after)).toEqual(["dead"]);
  await cluster.pass(leaseMs - 500);
  expect(await idsOf(after)).toEqual(["dead"]);
  await cluster.pass(2_500);
  expect(await idsOf(after)).toEqual([]);
});

test("a coordinator that thaws calls nobody dead, although all it remembers is old", async () => {
  await using cluster = new SqliteCluster();
  const clock = new FreezableClock(cluster.clock);
  const registering = await cluster.open();
  await registering.register(nodeRecord("a"));
  await registering.stop();
  const frozen = await cluster.open({ clock });
  await cluster.pass(leaseMs - 1_000);
  clock.freeze();
  await cluster.clock.advance(3 * leaseMs);
  clock.thaw();
  // Its own look that was due, and a listing, both long after the row was seen to stand still.
  await cluster.clock.settle();
  expect(await idsOf(frozen)).toEqual(["a"]);
  await cluster.pass(leaseMs - 1_000);
  expect(await idsOf(frozen)).toEqual(["a"]);
  await cluster.pass(4_000);
  expect(await idsOf(frozen)).toEqual([]);
});

test("a row that has moved since it was last seen is not removed", async () => {
  await using cluster = new SqliteCluster();
  await using database = await cluster.openDatabase();
  const entry = { nodeId: "a", incarnation: "i1", record: "{}" };
  expect(await database.run("register", entry)).toBe(0);
  expect(await database.run("renew", entry)).toBe("kept");
  const removals = [
    { nodeId: "a", incarnation: "i1", beat: 1n },
    { nodeId: "a", incarnation: "i2", beat: 2n },
    { nodeId: "b", incarnation: "i1", beat: 2n },
  ];
  const { rows, removed } = await database.run("look", removals);
  expect([rows, removed]).toEqual([[{ ...entry, beat: 2n }], []]);
  const after = await database.run("look", [{ nodeId: "a", incarnation: "i1", beat: 2n }]);
  expect(after).toEqual({ rows: [], removed: ["a"] });
});

test("while somebody keeps the file locked every call fails, nobody is called dead, and all goes on afterwards", async () => {
  await using cluster = new SqliteCluster();
  cluster.busyTimeoutMs = 20;
  const [one, two] = [await cluster.open(), await cluster.open()];
  const a = await one.register(nodeRecord("a"));
  const b = await two.register(nodeRecord("b"));
  await cluster.pass(leaseMs / 4);
  const other = new DatabaseSync(cluster.path);
  other.exec("BEGIN IMMEDIATE");
  await cluster.pass(2.5 * leaseMs);
  const calls = [one.list(), two.register(nodeRecord("c")), a.renew(nodeRecord("a")), b.leave()];
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { kind: "busy" } });
  }
  other.exec("ROLLBACK");
  other.close();
  await cluster.pass(leaseMs / 4);
  expect([await idsOf(one), await idsOf(two)]).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
  expect(await a.renew(nodeRecord("a"))).toBe("kept");
  expect(await b.renew(nodeRecord("b"))).toBe("kept");
});

test("a record that cannot be read is left out and reported once, and does not hide the others", async () => {
  await using cluster = new SqliteCluster();
  const logger = recordingLogger();
  const coordinator = await cluster.open({ logger });
  await coordinator.register(nodeRecord("a"));
  await using database = await cluster.openDatabase();
  await database.run("register", { nodeId: "b", incarnation: "i1", record: '{"nodeId":"b"}' });
  expect(await idsOf(coordinator)).toEqual(["a"]);
  expect(await idsOf(coordinator)).toEqual(["a"]);
  expect(logger.lines).toEqual(["error a node's record cannot be read, so the node is not listed "]);
});

test("a removal is logged with the node's name, by the one that did it", async () => {
  await using cluster = new SqliteCluster();
  const loggers = [recordingLogger(), recordingLogger()];
  for (const logger of loggers) await cluster.open({ logger });
  const acting = await cluster.open();
  await acting.register(nodeRecord("a"));
  await cluster.pass(2 * leaseMs);
  const lines = loggers.flatMap((logger) => logger.lines);
  expect(lines.length).toBeLessThanOrEqual(1);
  expect(await idsOf(acting)).toEqual([]);
});

test("a store's file is not taken for a cluster's", async () => {
  await using cluster = new SqliteCluster();
  const common = { path: cluster.path, clock: systemClock(), logger: silentLogger };
  const procedures = new URL("./sqlite.worker.ts", import.meta.url);
  const store = await openDatabase({ ...common, name: "store", procedures, migrations: [] });
  await store.stop();
  const opening = openSqliteCoordinator({ ...common, metrics: silentMetrics, rng: systemRng() });
  await expect(opening).rejects.toMatchObject({ name: "UnusableDatabase", reason: "foreign" });
});

test("several coordinators may make the file at the same time", async () => {
  await using cluster = new SqliteCluster();
  const options = {
    path: cluster.path,
    clock: systemClock(),
    logger: silentLogger,
    metrics: silentMetrics,
    rng: systemRng(),
  };
  const opened = await Promise.all([0, 1, 2, 3].map(() => openSqliteCoordinator(options)));
  const registrations = await Promise.all(
    opened.map((coordinator, index) => coordinator.register(nodeRecord(`n${index}`))),
  );
  expect(new Set(registrations.map(({ idSlot }) => idSlot))).toEqual(new Set([0, 1, 2, 3]));
  await Promise.all(opened.map((coordinator) => coordinator.stop()));
});
