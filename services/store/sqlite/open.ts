import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import type { Database } from "../../sqlite/database.ts";
import { UnusableDatabase } from "../../sqlite/failures.ts";
import { openDatabase } from "../../sqlite/open-database.ts";
import { type CopyEnd, unfinishedText } from "../copy/collections.ts";
import { createSqliteAccountStore } from "./account.ts";
import { createSqliteChangeStore } from "./change.ts";
import { sqliteCopyEnd } from "./copy.ts";
import { createSqliteDeviceStore } from "./device.ts";
import { createSqliteEntryStore } from "./entry.ts";
import { createSqliteEpochHeadStore } from "./epoch-head.ts";
import { createSqliteEpochMarkStore } from "./epoch-mark.ts";
import { createSqliteGenerationStore } from "./generation.ts";
import { createSqliteHeadStore } from "./head.ts";
import { createSqliteIdSlotStore } from "./id-slot.ts";
import { createSqliteMembershipStore } from "./membership.ts";
import { createSqlitePersonalStore } from "./personal.ts";
import { migrations } from "./schema.ts";
import { createSqliteSecretKeyStore } from "./secret-key.ts";
import { createSqliteSigningKeyStore } from "./signing-key.ts";
import type { procedures } from "./worker.ts";

/** What a store on SQLite is opened with. */
export interface SqliteStoreOptions {
  /** Made when it is missing, for its owner only. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** All collections of one database file. */
export type SqliteStore = ReturnType<typeof collections>;

/** The file in a store's directory. */
export const storeFileName = "parley.db";

/**
 * Opens `parley.db` in the directory, checks it and brings it up to date. Throws UnusableDatabase, also for one that a copy
 * was made to which did not come to its end.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const database = await openStoreDatabase(options);
  if ((await database.read("copyMarkRead", undefined)) === undefined) return collections(database);
  await database.stop();
  throw new UnusableDatabase("unfinished", `the store in ${options.directory} ${unfinishedText}`);
}

/** Opens the store as an end of a copy, unfinished or not. Throws UnusableDatabase. */
export async function openSqliteCopyEnd(options: SqliteStoreOptions): Promise<CopyEnd> {
  return sqliteCopyEnd(await openStoreDatabase(options));
}

async function openStoreDatabase({
  directory,
  clock,
  logger,
  metrics,
}: SqliteStoreOptions): Promise<Database<typeof procedures>> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, storeFileName);
  const before = fileNumberOf(path);
  const database = await openDatabase<typeof procedures>({
    path,
    name: "store",
    procedures: new URL("./worker.ts", import.meta.url),
    migrations,
    clock,
    logger,
    metrics,
  });
  if (before === undefined || before === fileNumberOf(path)) return database;
  // A restore put another file there just then: rows written to the old one would be lost.
  await database.stop();
  throw new UnusableDatabase("busy", `${path} was replaced while it was opened: start again`);
}

function fileNumberOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function collections(database: Database<typeof procedures>) {
  return {
    accounts: createSqliteAccountStore(database),
    devices: createSqliteDeviceStore(database),
    signingKeys: createSqliteSigningKeyStore(database),
    secretKeys: createSqliteSecretKeyStore(database),
    idSlots: createSqliteIdSlotStore(database),
    generations: createSqliteGenerationStore(database),
    epochMark: createSqliteEpochMarkStore(database),
    epochHeads: createSqliteEpochHeadStore(database),
    entries: createSqliteEntryStore(database),
    heads: createSqliteHeadStore(database),
    memberships: createSqliteMembershipStore(database),
    changes: createSqliteChangeStore(database),
    personal: createSqlitePersonalStore(database),
    /** Finishes queued writes and closes the file. */
    stop: () => database.stop(),
  };
}
