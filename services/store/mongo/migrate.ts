import {
  type Db,
  type IndexDescription,
  type IndexDescriptionInfo,
  MongoServerError,
  ObjectId,
} from "mongodb";
import { type Clock, sleep } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { mongoLimits } from "./limits.ts";
import type { MongoMigration } from "./schema.ts";
import { UnusableMongo } from "./unusable-mongo.ts";

/** The one document that tells which version a database has, and who is bringing it to the next. */
interface VersionDocument {
  readonly _id: string;
  /** 0 while it is empty. */
  readonly version: number;
  /** Names the process that migrates; empty when none does. */
  readonly migrator: string;
  /** When the migrator began, by the clock of the primary. */
  readonly claimedAt: Date;
}

export interface MigrateOptions {
  readonly db: Db;
  readonly migrations: readonly MongoMigration[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const documentKey = "store";

const namespaceNotFound = 26;

/**
 * Brings a database to the newest version, one process at a time; the others wait. A migration may run again, so a process
 * that died at it, or that took longer than `migrationMsMax`, is taken over. Throws UnusableMongo for a newer database, and
 * when another process does not come to an end.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { db, migrations, clock, logger } = options;
  const versions = db.collection<VersionDocument>("migrations");
  const newest = migrations.at(-1)?.version ?? 0;
  const first = { $setOnInsert: { version: 0, migrator: "", claimedAt: new Date(0) } };
  await versions.updateOne({ _id: documentKey }, first, { upsert: true });
  const endMs = clock.monotonicMs() + mongoLimits.migrationWaitMsMax;
  for (;;) {
    const found = await versions.findOne({ _id: documentKey });
    const version = found?.version ?? 0;
    if (version > newest) throw newerError(version, newest);
    if (version === newest) return;
    const next = migrations.find((migration) => migration.version === version + 1);
    if (next !== undefined && (await claimAndRun(options, next))) {
      logger.info("the database was migrated", { version: next.version });
    } else if (clock.monotonicMs() > endMs) throw stuckError(version);
    else await sleep(clock, mongoLimits.migrationPauseMs);
  }
}

/** False when another process is at it, or took it over. */
async function claimAndRun(
  { db }: MigrateOptions,
  { version, collections }: MongoMigration,
): Promise<boolean> {
  const versions = db.collection<VersionDocument>("migrations");
  const migrator = new ObjectId().toHexString();
  const staleBefore = new Date((await primaryTimeMs(db)) - mongoLimits.migrationMsMax);
  const claimed = await versions.findOneAndUpdate(
    {
      _id: documentKey,
      version: version - 1,
      $or: [{ migrator: "" }, { claimedAt: { $lt: staleBefore } }],
    },
    { $set: { migrator }, $currentDate: { claimedAt: true } },
  );
  if (claimed === null) return false;
  await createCollections(db, collections);
  const done = { $set: { version, migrator: "" } };
  const { matchedCount } = await versions.updateOne({ _id: documentKey, migrator }, done);
  return matchedCount === 1;
}

async function primaryTimeMs(db: Db): Promise<number> {
  const { localTime } = await db.admin().command({ hello: 1 });
  if (!(localTime instanceof Date)) throw new TypeError("the reply to hello has no time");
  return localTime.getTime();
}

/** Creates collections and indexes that are missing. What is there stays. */
export async function createCollections(db: Db, collections: readonly CollectionIndexes[]): Promise<void> {
  for (const { collection, indexes } of collections) {
    const descriptions = indexes.map(
      ({ key, unique = false }): IndexDescription => ({ key: { ...key }, unique }),
    );
    if (descriptions.length > 0) await db.collection(collection).createIndexes(descriptions);
  }
}

/**
 * Throws UnusableMongo when a unique index is missing, as after a restore without indexes: order and idempotency of messages
 * rest on them.
 */
export async function assertUniqueIndexes(db: Db, migrations: readonly MongoMigration[]): Promise<void> {
  const [missing] = await missingUniqueIndexes(db, migrations);
  if (missing !== undefined) throw indexError(missing.collection, missing.key);
}

/** The unique indexes of these versions that a database does not have. */
export async function missingUniqueIndexes(
  db: Db,
  migrations: readonly MongoMigration[],
): Promise<readonly { readonly collection: string; readonly key: object }[]> {
  const missing: { collection: string; key: object }[] = [];
  for (const { collection, indexes } of migrations.flatMap((migration) => migration.collections)) {
    const unique = indexes.filter((index) => index.unique === true);
    if (unique.length === 0) continue;
    const found = await indexesOf(db, collection);
    for (const { key } of unique)
      if (!found.some((index) => isUnique(index, key))) missing.push({ collection, key });
  }
  return missing;
}

/** The version that a database has, without bringing it to another; 0 for one that holds no store. */
export async function readSchemaVersion(db: Db): Promise<number> {
  const found = await db.collection<VersionDocument>("migrations").findOne({ _id: documentKey });
  return found?.version ?? 0;
}

/** None of a collection that is not there. */
async function indexesOf(db: Db, collection: string): Promise<readonly IndexDescriptionInfo[]> {
  try {
    return await db.collection(collection).indexes();
  } catch (thrown) {
    if (thrown instanceof MongoServerError && thrown.code === namespaceNotFound) return [];
    throw thrown;
  }
}

function isUnique(index: IndexDescriptionInfo, key: object): boolean {
  // The order of the fields counts, and JSON keeps it; a direction may come as a bigint.
  const text = JSON.stringify(index.key, (_, value: unknown) =>
    typeof value === "bigint" ? Number(value) : value,
  );
  return index.unique === true && text === JSON.stringify(key);
}

function newerError(version: number, newest: number): UnusableMongo {
  const message = `the database has version ${version} and this program knows versions up to ${newest}: start a newer program`;
  return new UnusableMongo("newer", message);
}

function stuckError(version: number): UnusableMongo {
  const message = `another process has been migrating the database from version ${version} for too long: look at its log`;
  return new UnusableMongo("migration", message);
}

function indexError(collection: string, key: object): UnusableMongo {
  const message = `the collection ${collection} has no unique index on ${Object.keys(key).join(", ")}: create it before anything is written`;
  return new UnusableMongo("index", message);
}
