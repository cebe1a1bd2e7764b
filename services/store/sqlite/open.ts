import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Metrics } from "../../kernel/metrics.ts";
import type { Database } from "../../sqlite/database.ts";
import { openDatabase } from "../../sqlite/open-database.ts";
import { createSqliteAccountStore } from "./account.ts";
import { createSqliteChangeStore } from "./change.ts";
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

/** Opens `parley.db` in the directory, checks it and brings it up to date. Throws UnusableDatabase. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { directory, clock, logger, metrics } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = await openDatabase<typeof procedures>({
    path: join(directory, "parley.db"),
    name: "store",
    procedures: new URL("./worker.ts", import.meta.url),
    migrations,
    clock,
    logger,
    metrics,
  });
  return collections(database);
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
