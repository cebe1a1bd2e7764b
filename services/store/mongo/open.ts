import type { Document, MongoClient } from "mongodb";
import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import { type CopyEnd, unfinishedText } from "../copy/collections.ts";
import { createMongoAccountStore } from "./account.ts";
import { createMongoChangeStore } from "./change.ts";
import { createMongoCopyMark, mongoCopyEnd } from "./copy.ts";
import { createMongoDeviceStore } from "./device.ts";
import { createMongoEntryStore } from "./entry.ts";
import { createMongoEpochHeadStore } from "./epoch-head.ts";
import { createMongoEpochMarkStore } from "./epoch-mark.ts";
import { createMongoGenerationStore } from "./generation.ts";
import { createMongoHeadStore } from "./head.ts";
import { createMongoIdSlotStore } from "./id-slot.ts";
import { createMongoMembershipStore } from "./membership.ts";
import { assertUniqueIndexes, migrate } from "./migrate.ts";
import { createMongoClient, type MongoAccess, unreadableUrl, versionOf } from "./mongo-client.ts";
import { createMongoDatabase, type MongoDatabase } from "./mongo-database.ts";
import { databaseNameOf } from "./mongo-url.ts";
import { createMongoPersonalStore } from "./personal.ts";
import { migrations } from "./schema.ts";
import { createMongoSecretKeyStore } from "./secret-key.ts";
import { createMongoSigningKeyStore } from "./signing-key.ts";
import { topologyProblem } from "./topology-check.ts";
import { UnusableMongo } from "./unusable-mongo.ts";

/** What a store on MongoDB is opened with. */
export interface MongoStoreOptions extends MongoAccess {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Takes a deployment too in which a majority is one server; for development only. */
  readonly allowUnsafe?: boolean;
}

/** All collections of one database. */
export interface MongoStore extends ReturnType<typeof collections> {
  /** The server's own, for example `8.0.4`. */
  readonly version: string;
}

/**
 * Connects, looks at the deployment, and brings the database up to date. Throws UnusableMongo, also for one that a copy was
 * made to which did not come to its end.
 */
export async function openMongoStore(options: MongoStoreOptions): Promise<MongoStore> {
  return openWith(options, async (database) => {
    if ((await createMongoCopyMark(database).read()) !== undefined) {
      throw new UnusableMongo("unfinished", `the database ${databaseNameOf(options.url)} ${unfinishedText}`);
    }
    return { ...collections(database), version: versionOf(await database.buildInfo()) };
  });
}

/** Opens the store as an end of a copy, unfinished or not. Throws UnusableMongo. */
export async function openMongoCopyEnd(options: MongoStoreOptions): Promise<CopyEnd> {
  return openWith(options, async (database) => mongoCopyEnd(database));
}

async function openWith<T>(
  options: MongoStoreOptions,
  use: (database: MongoDatabase) => Promise<T>,
): Promise<T> {
  const { url, clock, logger, metrics } = options;
  const client = createClient(options);
  const name = databaseNameOf(url);
  const database = createMongoDatabase({ client, name, clock, logger, metrics });
  try {
    const hello = await connect(client, database);
    assertSafe(hello, options);
    const db = client.db(name);
    await migrate({ db, migrations, clock, logger });
    await assertUniqueIndexes(db, migrations);
    return await use(database);
  } catch (thrown) {
    await database.stop();
    if (thrown instanceof UnusableMongo) throw thrown;
    throw new UnusableMongo("migration", `the database ${name} could not be brought up to date`, thrown);
  }
}

function createClient(access: MongoAccess): MongoClient {
  try {
    return createMongoClient(access);
  } catch (thrown) {
    throw new UnusableMongo("unreachable", unreadableUrl, thrown);
  }
}

/** Answers the reply of the primary to `hello`. */
async function connect(client: MongoClient, database: MongoDatabase): Promise<Document> {
  try {
    await client.connect();
    return await database.hello();
  } catch (thrown) {
    const message = `no primary of MongoDB at ${client.options.hosts.join(", ")}: ${thrownError(thrown).message}`;
    throw new UnusableMongo("unreachable", message, thrown);
  }
}

function assertSafe(hello: Document, { logger, allowUnsafe }: MongoStoreOptions): void {
  const problem = topologyProblem(hello);
  if (problem === undefined) return;
  if (allowUnsafe !== true) {
    const message = `this MongoDB may lose acknowledged messages: ${problem}. Use a replica set of three members`;
    throw new UnusableMongo("unsafe", message);
  }
  logger.warn("this MongoDB may lose acknowledged messages, which the settings allow", { problem });
}

function collections(database: MongoDatabase) {
  return {
    accounts: createMongoAccountStore(database),
    devices: createMongoDeviceStore(database),
    signingKeys: createMongoSigningKeyStore(database),
    secretKeys: createMongoSecretKeyStore(database),
    idSlots: createMongoIdSlotStore(database),
    generations: createMongoGenerationStore(database),
    epochMark: createMongoEpochMarkStore(database),
    epochHeads: createMongoEpochHeadStore(database),
    entries: createMongoEntryStore(database),
    heads: createMongoHeadStore(database),
    memberships: createMongoMembershipStore(database),
    changes: createMongoChangeStore(database),
    personal: createMongoPersonalStore(database),
    /** Finishes what is under way and closes all connections. */
    stop: () => database.stop(),
  };
}
