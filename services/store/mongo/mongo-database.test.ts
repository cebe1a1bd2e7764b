import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { FakeClock } from "../../testkit/fake-clock.ts";
import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { entryRow, group, headRow } from "../contract/message-rows.ts";
import { createMongoEntryStore, entryIndexes } from "./entry.ts";
import { databaseName, useMongoServer } from "./fixtures/mongo-store.ts";
import { buildRoad } from "./fixtures/road.ts";
import { createMongoHeadStore } from "./head.ts";
import { mongoLimits } from "./limits.ts";
import { createCollections } from "./migrate.ts";
import { clientOptions, createMongoDatabase } from "./mongo-database.ts";

const wholePage = { entriesMax: 100, bytesMax: 2 ** 20 };
const unavailable = { reason: ErrorReason.STORE_UNAVAILABLE, retryDelayMs: 1_000 };
const unknown = { reason: ErrorReason.OUTCOME_UNKNOWN, retryDelayMs: 1_000 };

/** What a request rejects with; undefined when it does not. */
function failureOf(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

suiteWithout(missingForMongo())("a database of MongoDB", () => {
  const { url } = useMongoServer();

  /** Stores on a database of its own, at the end of a road, with a clock that stands still. */
  async function openByRoad() {
    const road = await buildRoad(url());
    const clock = new FakeClock();
    const name = databaseName();
    // Without heartbeats whatever recovers does so by itself.
    const client = new MongoClient(road.url, { ...clientOptions, heartbeatFrequencyMS: 120_000 });
    const database = createMongoDatabase({
      client,
      name,
      clock,
      logger: silentLogger,
      metrics: silentMetrics,
    });
    await client.connect();
    await createCollections(client.db(name), [entryIndexes]);
    const heads = createMongoHeadStore(database);
    // Makes a connection, so that a test meets what becomes of requests, not of the first handshake.
    await heads.raise([headRow(group)]);
    return {
      road,
      clock,
      entries: createMongoEntryStore(database),
      heads,
      async [Symbol.asyncDispose]() {
        await database.stop();
        road.close();
        const cleaner = await new MongoClient(url()).connect();
        await cleaner.db(name).dropDatabase();
        await cleaner.close();
      },
    };
  }

  test("requests that are not answered end after a while, and a write among them may yet take place", async () => {
    await using opened = await openByRoad();
    const { road, clock, entries, heads } = opened;
    road.state = "held";
    const appending = entries.append([entryRow(group, 1n)]);
    const raising = failureOf(heads.raise([headRow(group)]));
    const reading = failureOf(heads.read([group]));
    await clock.advance(mongoLimits.answerMsMax);
    expect(await appending).toMatchObject({ kind: "unknown" });
    expect(await raising).toMatchObject(unknown);
    expect(await reading).toMatchObject(unavailable);
    road.open();
    const page = await waitUntil("the entry", async () => {
      const found = await entries.readAfter(group, 0n, wholePage);
      return found.length > 0 ? found : undefined;
    });
    expect(page).toEqual([entryRow(group, 1n)]);
  });

  test("an append whose answer is lost is unknown, and is met when it is tried again", async () => {
    await using opened = await openByRoad();
    const { road, entries } = opened;
    road.state = "losing";
    expect(await entries.append([entryRow(group, 1n)])).toMatchObject({ kind: "unknown" });
    road.open();
    expect(await entries.append([entryRow(group, 1n)])).toMatchObject({ kind: "duplicate", index: 0 });
  });

  test("without a server that takes writes everything is refused after a while, and nothing is left waiting", async () => {
    await using opened = await openByRoad();
    const { road, clock, entries, heads } = opened;
    road.close();
    // Whatever meets the broken connections; then it is known.
    await entries.append([entryRow(group, 1n)]);
    const appending = entries.append([entryRow(group, 2n)]);
    const reading = failureOf(heads.read([group]));
    await clock.advance(mongoLimits.primaryMsMax);
    expect(await appending).toMatchObject({ kind: "refused" });
    expect(await reading).toMatchObject(unavailable);
    expect(clock.pendingTimers).toBe(0);
  });

  test("what waits for a turn too long, or finds too many waiting, is refused", async () => {
    await using opened = await openByRoad();
    const { road, clock, heads } = opened;
    road.state = "held";
    const ask = (): Promise<unknown> => failureOf(heads.read([group]));
    const { runningMax, waitingMax, waitMsMax } = mongoLimits;
    const running = Array.from({ length: runningMax }, ask);
    const waiting = Array.from({ length: waitingMax }, ask);
    expect(await ask()).toMatchObject(unavailable);
    await clock.advance(waitMsMax);
    for (const refused of await Promise.all(waiting)) expect(refused).toMatchObject(unavailable);
    road.open();
    expect(await Promise.all(running)).toEqual(running.map(() => undefined));
  });
});
