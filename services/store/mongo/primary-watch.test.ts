import { once } from "node:events";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import type { Clock } from "../../kernel/clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { mongoLimits } from "./limits.ts";
import { clientOptions, createMongoDatabase } from "./mongo-database.ts";

/** Time of a store passes so many times as fast as that of the driver. */
const haste = 10;

const real = systemClock();
const hasty: Clock = {
  ...real,
  monotonicMs: () => haste * real.monotonicMs(),
  after: (delayMs, callback) => real.after(delayMs / haste, callback),
};

/** Follows names through objects and the first of a map; undefined where there is nothing. */
function inside(start: unknown, ...names: readonly string[]): unknown {
  let at = start;
  for (const name of names) {
    if (typeof at !== "object" || at === null) return undefined;
    at = at instanceof Map ? at.values().next().value : Reflect.get(at, name);
  }
  return at;
}

/** As a look of the driver ends that is made over a connection which is closed in the same turn: it never comes back. */
function loseMonitor(client: MongoClient): void {
  const interval = inside(client, "topology", "s", "servers", "first", "monitor", "monitorId");
  if (typeof interval !== "object" || interval === null)
    throw new Error("the driver keeps its monitor elsewhere");
  Reflect.set(interval, "isExecutionInProgress", true);
  Reflect.set(interval, "_executeAndReschedule", () => undefined);
  clearTimeout(Number(inside(interval, "timerId")));
}

suiteWithout(missingForMongo())("a MongoDB that comes back", () => {
  const { url, process } = useMongoServer();

  async function open() {
    const client = new MongoClient(url(), { ...clientOptions, heartbeatFrequencyMS: 500 });
    const options = { client, name: "test", clock: hasty, logger: silentLogger, metrics: silentMetrics };
    const database = createMongoDatabase(options);
    await client.connect();
    const answers = (): Promise<boolean> =>
      database.hello().then(
        () => true,
        () => false,
      );
    return { client, answers, [Symbol.asyncDispose]: () => database.stop() };
  }

  test("is found though the driver's own look hangs, and refused at once until then", async (context) => {
    const harm = process();
    if (harm === undefined) return context.skip("it is a server that others may use");
    await using opened = await open();
    const { client, answers } = opened;
    expect(await answers()).toBe(true);
    const gone = once(client, "topologyDescriptionChanged");
    await harm.kill();
    await gone;
    loseMonitor(client);
    const beforeMs = hasty.monotonicMs();
    for (let count = 0; count < 10; count += 1) expect(await answers()).toBe(false);
    // The first may have waited for a primary.
    expect(hasty.monotonicMs() - beforeMs).toBeLessThan(3 * mongoLimits.primaryMsMax);
    await harm.start();
    await waitUntil("an answer", answers, { timeoutMs: 15_000 });
  });
});
