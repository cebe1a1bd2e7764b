import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { isStandIn, missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { entryRow, group } from "../contract/message-rows.ts";
import { databaseName, useMongoServer } from "./fixtures/mongo-store.ts";
import { type MongoStore, type MongoStoreOptions, openMongoStore } from "./open.ts";

function open(url: string, changes: Partial<MongoStoreOptions> = {}): Promise<MongoStore> {
  const surroundings = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };
  return openMongoStore({ url, ...surroundings, allowUnsafe: true, ...changes });
}

test("a URL that is none and a server that is not there are refused with what to look at", async () => {
  await expect(open("mongodb:/nowhere")).rejects.toMatchObject({ reason: "unreachable" });
  const refused = open("mongodb://user:secret@127.0.0.1:9/parley");
  await expect(refused).rejects.toMatchObject({ reason: "unreachable" });
  await expect(refused).rejects.toThrow(/127\.0\.0\.1:9/);
  await expect(refused).rejects.not.toThrow(/secret/);
});

suiteWithout(missingForMongo())("a store on MongoDB", () => {
  const { url } = useMongoServer();

  /** A database of its own, dropped at the end of the scope. */
  async function newDatabase() {
    const name = databaseName();
    const client = await new MongoClient(url()).connect();
    const storeUrl = new URL(url());
    storeUrl.pathname = `/${name}`;
    return {
      url: storeUrl.href,
      db: client.db(name),
      async [Symbol.asyncDispose]() {
        await client.db(name).dropDatabase();
        await client.close();
      },
    };
  }

  test("opens a new database in the newest version, and finds what it holds when it is opened again", async () => {
    await using database = await newDatabase();
    const first = await open(database.url);
    await first.entries.append([entryRow(group, 1n)]);
    await first.stop();
    expect(await database.db.collection("migrations").findOne()).toMatchObject({ version: 1, migrator: "" });
    const again = await open(database.url);
    expect(await again.entries.readLast([group])).toEqual([entryRow(group, 1n)]);
    await again.stop();
  });

  test("several nodes that start at once on a new database all open it, and one brings it up to date", async () => {
    await using database = await newDatabase();
    const lines: string[] = [];
    const logger = { ...silentLogger, info: (line: string) => void lines.push(line) };
    const stores = await Promise.all([1, 2, 3].map(() => open(database.url, { logger })));
    expect(lines.filter((line) => line === "the database was migrated")).toHaveLength(1);
    const outcomes = await Promise.all(stores.map((store) => store.entries.append([entryRow(group, 1n)])));
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(["committed", "duplicate", "duplicate"]);
    await Promise.all(stores.map((store) => store.stop()));
  });

  test("a migration whose process died is taken over", async () => {
    await using database = await newDatabase();
    const versions = database.db.collection<{
      _id: string;
      version: number;
      migrator: string;
      claimedAt: Date;
    }>("migrations");
    await versions.insertOne({ _id: "store", version: 0, migrator: "dead", claimedAt: new Date(0) });
    const store = await open(database.url);
    expect(await database.db.collection("migrations").findOne()).toMatchObject({ version: 1, migrator: "" });
    await store.stop();
  });

  test("a database of a newer version is refused", async () => {
    await using database = await newDatabase();
    await (await open(database.url)).stop();
    await database.db.collection("migrations").updateOne({}, { $set: { version: 7 } });
    const refused = open(database.url);
    await expect(refused).rejects.toMatchObject({ reason: "newer" });
    await expect(refused).rejects.toThrow(/version 7 .* up to 1/);
  });

  test("a database that lacks a unique index is refused", async () => {
    await using database = await newDatabase();
    await (await open(database.url)).stop();
    await database.db.collection("entry").dropIndex("conversationId_1_seq_1");
    const refused = open(database.url);
    await expect(refused).rejects.toMatchObject({ reason: "index" });
    await expect(refused).rejects.toThrow(/entry has no unique index on conversationId, seq/);
  });

  test("a stopped store refuses reads and writes with a retry hint", async () => {
    await using database = await newDatabase();
    const store = await open(database.url);
    await store.stop();
    const unavailable = { reason: ErrorReason.STORE_UNAVAILABLE, retryDelayMs: 1_000 };
    await expect(store.heads.read([group])).rejects.toMatchObject(unavailable);
    await expect(store.generations.raise("alice", "phone")).rejects.toMatchObject(unavailable);
    expect(await store.entries.append([entryRow(group, 1n)])).toMatchObject({ kind: "refused" });
  });

  test.runIf(isStandIn())("a single server is refused unless the settings allow it", async () => {
    await using database = await newDatabase();
    const refused = open(database.url, { allowUnsafe: false });
    await expect(refused).rejects.toMatchObject({ reason: "unsafe" });
    await expect(refused).rejects.toThrow(/single server/);
  });
});
