import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { EtcdCluster } from "../../mesh/fixtures/etcd-cluster.ts";
import { nodeRecord } from "../../mesh/fixtures/node-records.ts";
import type { NodeRecord } from "../../mesh/node-record.ts";
import type { MongoFindings } from "../../store/mongo/examine.ts";
import { type EtcdServer, missingForEtcdProcess, startEtcdProcess } from "../../testkit/etcd-server.ts";
import {
  isStandIn,
  type MongoServer,
  missingForMongo,
  startMongoServer,
} from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { healthyCluster, startFakeNode } from "../fixtures/fake-node.ts";
import { runCommand } from "../fixtures/test-command.ts";
import { checkStoreServer } from "./server-checks.ts";

const diagnosisSchema = z.object({ check: z.string(), level: z.string(), text: z.string() });

/** What the command says of the servers. Nobody is at the admin listener that it asks. */
async function servers(...argv: string[]) {
  const of = await doctor("http://127.0.0.1:1", ...argv);
  return { store: of("store server"), coordinator: of("coordinator server") };
}

/** What the command says, by the names of its checks. */
async function doctor(adminUrl: string, ...argv: string[]) {
  const { stdout } = await runCommand(["doctor", "--admin", adminUrl, "--json", ...argv]);
  const all = stdout.split("\n").map((line) => diagnosisSchema.parse(JSON.parse(line)));
  return (name: string) => all.filter(({ check }) => check === name);
}

test("without servers in the settings nothing is looked at", async () => {
  const { store, coordinator } = await servers();
  expect([...store, ...coordinator].map(({ level, text }) => `${level} ${text}`)).toEqual(
    ["store", "coordinator"].map(() => "ok not looked at: the settings here name no server"),
  );
});

suiteWithout([...missingForMongo(), ...missingForEtcdProcess()])("servers that the settings name", () => {
  let mongo: MongoServer;
  let etcd: EtcdServer;

  beforeAll(async () => {
    [mongo, etcd] = await Promise.all([startMongoServer(), startEtcdProcess()]);
  });

  afterAll(() => Promise.all([mongo[Symbol.asyncDispose](), etcd[Symbol.asyncDispose]()]));

  test("are told with their versions, and what is wrong with them", async (context) => {
    if (!isStandIn()) return context.skip("it is a server of which nobody knows how safe it is");
    const database = mongo.urlOf("parley-test-doctor");
    const { store, coordinator } = await servers("--store-url", database, "--coordinator-url", etcd.url);
    expect(store.map(({ level }) => level)).toEqual(["wrong", "note"]);
    expect(store[0]?.text).toMatch(/^acknowledged messages may be lost: it is a single server/);
    expect(store[1]?.text).toMatch(/has version 0: the first node that starts makes it \d+$/);
    expect(coordinator).toEqual([
      { check: "coordinator server", level: "ok", text: "etcd 3.6.6; 1 of 1 answer" },
    ]);
  });

  test("that do not answer are named, within seconds", async () => {
    const { store, coordinator } = await servers(
      "--store-url",
      "mongodb://127.0.0.1:1/chat",
      "--coordinator-url",
      `${etcd.url},127.0.0.1:1`,
    );
    expect(store).toEqual([
      { check: "store server", level: "wrong", text: expect.stringMatching(/^MongoDB cannot be reached/) },
    ]);
    expect(coordinator).toEqual([
      {
        check: "coordinator server",
        level: "wrong",
        text: expect.stringMatching(/^127\.0\.0\.1:1 does not answer here: /),
      },
    ]);
  });
});

suiteWithout(missingForEtcdProcess())("nodes that etcd lists", () => {
  /** What is said of registrations by nodes a and b, where these are registered. */
  async function registrations(...registered: readonly NodeRecord[]): Promise<readonly string[]> {
    await using etcd = await startEtcdProcess();
    await using cluster = new EtcdCluster(etcd.url);
    const coordinator = await cluster.open();
    for (const record of registered) await coordinator.register(record);
    await using a = await startFakeNode("a");
    await using b = await startFakeNode("b");
    a.nodes = healthyCluster({ a, b });
    b.nodes = a.nodes;
    const of = await doctor(a.adminUrl, "--coordinator-url", `${etcd.url}${cluster.options.prefix}`);
    return of("registrations").map(({ level, text }) => `${level} ${text}`);
  }

  const [a, b] = [nodeRecord("a"), nodeRecord("b")];

  test("are those that nodes know of", async () => {
    expect(await registrations(a, b)).toEqual(["ok the 2 in etcd are those that nodes know of"]);
  });

  test("are told when nodes know of others, or of others under that id", async () => {
    const stranger = nodeRecord("c");
    expect(await registrations(a, stranger)).toEqual([
      "wrong c is registered in etcd, and no node that was asked knows of it",
      "wrong nodes know of b, and it is not registered in etcd",
    ]);
    expect(await registrations(a, nodeRecord("b", { incarnation: "b-2" }))).toEqual([
      "wrong b is known as the incarnation b-1, and registered in etcd as b-2",
    ]);
  });

  test("are not compared where no node answers, or etcd does not", async () => {
    await using etcd = await startEtcdProcess();
    const unasked = await doctor("http://127.0.0.1:1", "--coordinator-url", etcd.url);
    expect(unasked("registrations")).toMatchObject([
      { level: "ok", text: "not compared: of the 0 in etcd no node was asked" },
    ]);
    await etcd.process.kill();
    const silent = await doctor("http://127.0.0.1:1", "--coordinator-url", etcd.url);
    expect(silent("registrations")).toMatchObject([
      { level: "ok", text: expect.stringMatching(/^not compared: etcd does not list/) },
    ]);
  });
});

const sound: MongoFindings = {
  kind: "answered",
  version: "8.0.4",
  topologyProblem: undefined,
  aheadMs: 0,
  database: "chat",
  schemaVersion: 2,
  schemaNewest: 2,
  missingIndexes: [],
  isUnfinished: false,
};

function storeServer(found: Partial<MongoFindings>, allowsUnsafe = false) {
  const none = { coordinator: undefined, registered: undefined };
  const backends = { ...none, store: { ...sound, ...found }, allowsUnsafe };
  return checkStoreServer({ admins: [], publics: [], atMs: 0, backends });
}

test("a MongoDB that is fit to be a store is fine", () => {
  expect(storeServer({})).toMatchObject([{ level: "ok", text: expect.stringContaining("MongoDB 8.0.4") }]);
});

test.each([
  { found: { topologyProblem: "it is a single server" }, level: "wrong", says: /may be lost/ },
  { found: { schemaVersion: 3 }, level: "wrong", says: /version 3, and this program knows 2/ },
  { found: { schemaVersion: 1 }, level: "note", says: /version 1: the first node/ },
  { found: { missingIndexes: ["entry (a, b)"] }, level: "wrong", says: /missing: entry \(a, b\)/ },
  { found: { isUnfinished: true }, level: "wrong", says: /did not come to its end/ },
  { found: { aheadMs: -5_000 }, level: "note", says: /5\.0 s behind/ },
])("what is wrong with one is said: $says", ({ found, level, says }) => {
  expect(storeServer(found)).toMatchObject([{ level, text: expect.stringMatching(says) }]);
});

test("an unsafe one is noted where the settings take it", () => {
  expect(storeServer({ topologyProblem: "it is a single server" }, true)).toMatchObject([{ level: "note" }]);
});
