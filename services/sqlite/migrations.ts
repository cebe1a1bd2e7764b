import type { CachedConnection } from "./cached-connection.ts";
import { UnusableDatabase } from "./failures.ts";
import type { Migration } from "./procedures.ts";
import { primaryCodeOf, resultCodes } from "./sqlite-error.ts";

/** Throws a RangeError unless the versions are whole numbers from 1 in rising order. */
export function assertMigrations(migrations: readonly Migration[]): void {
  let previous = 0;
  for (const { version } of migrations) {
    if (!Number.isInteger(version) || version <= previous || version >= 2 ** 31) {
      throw new RangeError(`Migration version ${version} must be a whole number above ${previous}`);
    }
    previous = version;
  }
}

/** The version that a file has once all of `migrations` are applied; 0 when there are none. */
export function latestVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

/** The `user_version` of the file. */
export function schemaVersion(connection: CachedConnection): number {
  return Number(connection.statement("PRAGMA user_version").get()?.["user_version"] ?? 0);
}

/** The `application_id` of the file; 0 when nobody set it. */
export function applicationIdOf(connection: CachedConnection): number {
  return Number(connection.statement("PRAGMA application_id").get()?.["application_id"] ?? 0);
}

/** Throws unless the file's version is one that `migrations` can start from. */
export function assertNotNewer(connection: CachedConnection, migrations: readonly Migration[]): void {
  const found = schemaVersion(connection);
  const latest = latestVersion(migrations);
  if (found <= latest) return;
  throw new UnusableDatabase(
    "newer",
    `${connection.database.location()} has schema version ${found}, but this program knows versions up to ` +
      `${latest}. Start the newer program again, or restore a backup made before the upgrade.`,
  );
}

/**
 * Applies what the file lacks, each step in a transaction of its own. Several processes may do this
 * at once: the version is read again under the write lock, and a step that another process made is
 * left out. Throws UnusableDatabase ("migration" or "newer"); a busy file is thrown as it is.
 */
export function migrate(
  connection: CachedConnection,
  migrations: readonly Migration[],
  applicationId: number,
): void {
  if (applicationIdOf(connection) !== applicationId) {
    inTransaction(connection, () => connection.database.exec(`PRAGMA application_id = ${applicationId}`));
  }
  for (const migration of migrations) {
    if (migration.version <= schemaVersion(connection)) continue;
    inTransaction(connection, () => applyStep(connection, migration, migrations));
  }
}

function applyStep(
  connection: CachedConnection,
  migration: Migration,
  migrations: readonly Migration[],
): void {
  assertNotNewer(connection, migrations);
  if (migration.version <= schemaVersion(connection)) return;
  try {
    connection.database.exec(migration.sql);
  } catch (thrown) {
    if (primaryCodeOf(thrown) === resultCodes.busy) throw thrown;
    throw migrationFailed(connection, migration, thrown instanceof Error ? thrown.message : String(thrown));
  }
  if (!connection.database.isTransaction) {
    throw migrationFailed(connection, migration, "it ended its transaction");
  }
  connection.database.exec(`PRAGMA user_version = ${migration.version}`);
}

function migrationFailed(connection: CachedConnection, migration: Migration, why: string): UnusableDatabase {
  return new UnusableDatabase(
    "migration",
    `Migration ${migration.version} of ${connection.database.location()} failed: ${why}. ` +
      "The file keeps the version it had; free space or restore a backup, then start again.",
  );
}

/** Runs `work` under the write lock and commits it, or rolls it back and throws what it threw. */
function inTransaction(connection: CachedConnection, work: () => void): void {
  connection.control("BEGIN IMMEDIATE");
  try {
    work();
    connection.control("COMMIT");
  } catch (thrown) {
    if (connection.database.isTransaction) connection.control("ROLLBACK");
    throw thrown;
  }
}
