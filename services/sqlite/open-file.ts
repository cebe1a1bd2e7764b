import { DatabaseSync } from "node:sqlite";
import { CachedConnection } from "./cached-connection.ts";
import { UnusableDatabase, type UnusableReason } from "./failures.ts";
import { lockSliceMs, walAutocheckpointPages } from "./limits.ts";
import { applicationIdOf, assertNotNewer, migrate } from "./migrations.ts";
import type { IntegrityCheck, WorkerSettings } from "./protocol.ts";
import { primaryCodeOf, resultCodes, sqliteErrorOf } from "./sqlite-error.ts";

/** The two connections of a worker: one that writes, and one that cannot. */
export interface OpenFile {
  readonly writer: CachedConnection;
  readonly reader: CachedConnection;
}

/**
 * Opens, checks and migrates the file. Nothing is changed in a file before it is known to be ours,
 * sound and not newer than this code. Throws UnusableDatabase; the connections are closed then.
 */
export function openFile(settings: WorkerSettings): OpenFile {
  const opened: CachedConnection[] = [];
  const connect = (readOnly: boolean): CachedConnection => {
    const options = { readOnly, readBigInts: true, timeout: settings.busyTimeoutMs };
    const connection = new CachedConnection(new DatabaseSync(settings.path, options));
    opened.push(connection);
    return connection;
  };
  try {
    const writer = connect(false);
    assertOurs(writer, settings);
    assertNotNewer(writer, settings.migrations);
    assertSound(writer, settings);
    setUp(writer, settings.path);
    migrate(writer, settings.migrations, settings.applicationId);
    const reader = connect(true);
    setDurable(reader);
    // From here on a transaction waits for the lock in slices, so that reads are served in between.
    writer.database.exec(`PRAGMA busy_timeout = ${lockSliceMs}`);
    return { writer, reader };
  } catch (thrown) {
    for (const connection of opened) connection.close();
    throw explain(thrown, settings.path);
  }
}

function assertOurs(writer: CachedConnection, settings: WorkerSettings): void {
  // One snapshot for both questions: another process may be creating the file at this moment.
  writer.control("BEGIN");
  const found = applicationIdOf(writer);
  const objects = writer.statement("SELECT count(*) AS objects FROM sqlite_schema").get()?.["objects"];
  writer.control("COMMIT");
  if (found === settings.applicationId || (found === 0 && objects === 0n)) return;
  throw new UnusableDatabase(
    "foreign",
    `${settings.path} is a database of another kind (application_id ${found}, expected ` +
      `${settings.applicationId}). It was not touched; configure another path.`,
  );
}

function assertSound(writer: CachedConnection, settings: WorkerSettings): void {
  const pragma = checkPragma(settings.integrityCheck);
  if (pragma === undefined) return;
  const findings = writer
    .statement(`PRAGMA ${pragma}(3)`)
    .all()
    .map((row) => String(row[pragma]));
  if (findings.length === 1 && findings[0] === "ok") return;
  throw damaged(settings.path, findings.join("; ").replaceAll("\n", " "));
}

function checkPragma(check: IntegrityCheck): "quick_check" | "integrity_check" | undefined {
  if (check === "none") return undefined;
  return check === "quick" ? "quick_check" : "integrity_check";
}

function setUp(writer: CachedConnection, path: string): void {
  const mode = writer.database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
  if (mode !== "wal") {
    throw new UnusableDatabase(
      "missing",
      `${path} cannot use a write-ahead log (journal_mode stays ${String(mode)}). ` +
        "Keep it on a local disk; network file systems do not work.",
    );
  }
  setDurable(writer);
}

function setDurable(connection: CachedConnection): void {
  connection.database.exec(
    `PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = ${walAutocheckpointPages}`,
  );
}

function damaged(path: string, findings: string): UnusableDatabase {
  return new UnusableDatabase(
    "damaged",
    `${path} is damaged: ${findings}. Keep a copy of it with its -wal file, then restore a backup ` +
      'or salvage what is readable with "sqlite3 FILE .recover".',
  );
}

const reasons: ReadonlyMap<number, UnusableReason> = new Map([
  [resultCodes.busy, "busy"],
  [resultCodes.cannotOpen, "missing"],
]);

function explain(thrown: unknown, path: string): unknown {
  const error = sqliteErrorOf(thrown);
  const code = primaryCodeOf(thrown);
  if (error === undefined || code === undefined) return thrown;
  if (code === resultCodes.notADatabase) {
    return new UnusableDatabase(
      "not-a-database",
      `${path} is not an SQLite database. It was not touched; move it away or configure another path.`,
    );
  }
  if (code === resultCodes.corrupt) return damaged(path, error.message);
  const what = `${path} cannot be opened: ${error.message} (result code ${error.resultCode}).`;
  return new UnusableDatabase(
    reasons.get(code) ?? "missing",
    `${what} Check that its directory exists and is writable, and that no stopped process holds it.`,
  );
}
