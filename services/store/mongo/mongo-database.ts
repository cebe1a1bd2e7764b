import { type Collection, type Document, type MongoClient, MongoRuntimeError } from "mongodb";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { type Clock, sleep } from "../../kernel/clock.ts";
import { Fault } from "../../kernel/fault.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import { createSemaphore, type Semaphore } from "../../kernel/semaphore.ts";
import { storeUnavailable } from "../store-fault.ts";
import { mongoLimits } from "./limits.ts";
import { createPrimaryWatch, type PrimaryWatch } from "./primary-watch.ts";
import { readFault, writeFault } from "./store-fault.ts";

/** One database of MongoDB, with bounds around every request. */
export interface MongoDatabase {
  /** A collection that reads and writes on a majority, see `clientOptions`. */
  collection<Row extends Document>(name: string): Collection<Row>;
  /** The reply of the primary to `hello`. Rejects as reads do. */
  hello(): Promise<Document>;
  /** The reply of the primary to `buildInfo`. Rejects as reads do. */
  buildInfo(): Promise<Document>;
  /**
   * Runs a read, which is given what every read of the driver is to be called with. Throws Fault STORE_UNAVAILABLE when
   * it was not answered.
   */
  read<T>(run: (bounds: ReadBounds) => Promise<T>): Promise<T>;
  /**
   * Runs a write. Throws Fault STORE_UNAVAILABLE when it was not handed to the driver, OUTCOME_UNKNOWN when it was and
   * the server did not answer it; a met unique index as the driver throws it (`duplicatesOf`).
   */
  write<T>(run: () => Promise<T>): Promise<T>;
  /** Refuses what comes, waits for what is under way, and closes all connections. */
  stop(): Promise<void>;
}

/** Options of a read. */
export interface ReadBounds {
  readonly maxTimeMS: number;
  readonly batchSize: number;
}

/** What a database works with. */
export interface MongoDatabaseOptions {
  /** Not connected yet, made with `clientOptions`. */
  readonly client: MongoClient;
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * How every client is made; it overrides what a URL says. `timeoutMS` is not here because it has no effect in the driver's
 * version 7.8. 64-bit integers are bigints, both ways.
 */
export const clientOptions = {
  appName: "parley",
  writeConcern: { w: "majority", journal: true, wtimeoutMS: mongoLimits.majorityMsMax },
  readConcern: { level: "majority" },
  readPreference: "primary",
  retryWrites: true,
  retryReads: true,
  useBigInt64: true,
  maxPoolSize: mongoLimits.runningMax,
  waitQueueTimeoutMS: mongoLimits.waitMsMax,
  serverSelectionTimeoutMS: mongoLimits.primaryMsMax,
  connectTimeoutMS: mongoLimits.connectMsMax,
  socketTimeoutMS: mongoLimits.silentMsMax,
  heartbeatFrequencyMS: mongoLimits.heartbeatMs,
} as const;

/** Creates it and begins to connect in the background. */
export function createMongoDatabase(options: MongoDatabaseOptions): MongoDatabase {
  return new BoundedDatabase(options);
}

type Kind = "read" | "write";

class BoundedDatabase implements MongoDatabase {
  readonly #options: MongoDatabaseOptions;
  readonly #turns: Semaphore;
  readonly #primary: PrimaryWatch;
  readonly #measure: Measure;
  /** With the driver; as many as there are turns. None of them rejects. */
  readonly #running = new Set<Promise<void>>();
  #stopped = false;

  constructor(options: MongoDatabaseOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#primary = createPrimaryWatch(options.client, options);
    this.#measure = createMeasure(metrics);
    this.#turns = createSemaphore({
      name: "mongo_requests",
      limit: mongoLimits.runningMax,
      queueMax: mongoLimits.waitingMax,
      retryDelayMs: 0,
      metrics,
    });
  }

  collection<Row extends Document>(name: string): Collection<Row> {
    return this.#options.client.db(this.#options.name).collection<Row>(name);
  }

  hello(): Promise<Document> {
    return this.#ask({ hello: 1 });
  }

  buildInfo(): Promise<Document> {
    return this.#ask({ buildInfo: 1 });
  }

  #ask(command: Document): Promise<Document> {
    return this.read(() => this.#options.client.db("admin").command(command));
  }

  read<T>(run: (bounds: ReadBounds) => Promise<T>): Promise<T> {
    const bounds = { maxTimeMS: mongoLimits.readMsMax, batchSize: mongoLimits.batchDocumentsMax };
    return this.#request("read", () => run(bounds));
  }

  write<T>(run: () => Promise<T>): Promise<T> {
    return this.#request("write", run);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const { clock, client } = this.#options;
    const given = new AbortController();
    await Promise.race([Promise.all(this.#running), sleep(clock, mongoLimits.stopMsMax, given.signal)]);
    given.abort();
    await client.close();
  }

  /** A request keeps its turn until the driver has done with it, or for `turnMsMax`, however long ago its caller was answered. */
  async #request<T>(kind: Kind, run: () => Promise<T>): Promise<T> {
    const startMs = this.#options.clock.monotonicMs();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#turn(async () => {
      if (!(await this.#primary.wait(mongoLimits.primaryMsMax))) throw noPrimary();
      if (this.#stopped) throw stopped();
      // A throw of the caller's own code is a bug like one of the driver's.
      const running = (async () => run())();
      this.#within(running).then(resolve, (thrown: unknown) => {
        reject(kind === "read" ? readFault(thrown) : writeFault(thrown));
      });
      await this.#track(running);
    }).catch((thrown: unknown) => reject(storeUnavailable(thrown)));
    try {
      return await promise;
    } catch (thrown) {
      this.#measure.failed(thrown);
      throw thrown;
    } finally {
      this.#measure.answered(kind, (this.#options.clock.monotonicMs() - startMs) / 1_000);
    }
  }

  async #track(running: Promise<unknown>): Promise<void> {
    const done = running.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(done);
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(mongoLimits.turnMsMax, resolve);
    await Promise.race([done, over]);
    timer.cancel();
    this.#running.delete(done);
  }

  /** Runs a task when its turn comes. Rejects when that takes too long, too many wait, or the store is stopped. */
  async #turn(task: () => Promise<void>): Promise<void> {
    if (this.#stopped) throw stopped();
    const given = new AbortController();
    const timer = this.#options.clock.after(mongoLimits.waitMsMax, () => given.abort(waitedTooLong()));
    try {
      await this.#turns.run(() => {
        timer.cancel();
        return task();
      }, given.signal);
    } finally {
      timer.cancel();
    }
  }

  async #within<T>(running: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = this.#options.clock.after(mongoLimits.answerMsMax, () => reject(noAnswer()));
    try {
      return await Promise.race([running, promise]);
    } finally {
      timer.cancel();
    }
  }
}

interface Measure {
  answered(kind: Kind, seconds: number): void;
  failed(thrown: unknown): void;
}

function createMeasure(metrics: Metrics): Measure {
  const seconds = metrics.histogram(
    "mongo_request_seconds",
    "Time of a request to MongoDB, its wait for a turn included",
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    ["kind"],
  );
  const failures = metrics.counter("mongo_failures_total", "Requests to MongoDB that failed, by kind", [
    "kind",
  ]);
  return {
    answered: (kind, time) => seconds.observe(time, { kind }),
    failed: (thrown) => {
      if (thrown instanceof Fault) failures.add(1, { kind: isUnknown(thrown) ? "unknown" : "unavailable" });
    },
  };
}

function isUnknown(fault: Fault): boolean {
  return fault.reason === ErrorReason.OUTCOME_UNKNOWN;
}

// Errors of the driver's own kind, so that they count as what the driver itself throws.

function noPrimary(): Error {
  return new MongoRuntimeError(`no primary was found within ${mongoLimits.primaryMsMax} ms`);
}

function waitedTooLong(): Error {
  return new MongoRuntimeError(`no connection was free within ${mongoLimits.waitMsMax} ms`);
}

function noAnswer(): Error {
  return new MongoRuntimeError(`MongoDB did not answer within ${mongoLimits.answerMsMax} ms`);
}

function stopped(): Error {
  return new MongoRuntimeError("the store is stopping");
}
