import type { CachedConnection } from "./cached-connection.ts";
import type { OpenFile } from "./open-file.ts";

/** What is in force on one connection, as SQLite reports it. */
export interface ConnectionPragmas {
  readonly connection: "writer" | "reader";
  /** "wal". */
  readonly journalMode: string;
  /** 2 is FULL: each commit is synced before it returns. */
  readonly synchronous: number;
  readonly foreignKeys: number;
  /** Pages. */
  readonly walAutocheckpoint: number;
  /** Milliseconds of one wait; the writer waits several times, up to the busy timeout in all. */
  readonly busyTimeoutMs: number;
  readonly applicationId: number;
  readonly userVersion: number;
}

/** Asks both connections. */
export function effectivePragmas({ writer, reader }: OpenFile): readonly ConnectionPragmas[] {
  return [pragmasOf("writer", writer), pragmasOf("reader", reader)];
}

function pragmasOf(name: "writer" | "reader", connection: CachedConnection): ConnectionPragmas {
  const value = (pragma: string): unknown =>
    Object.values(connection.database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
  return {
    connection: name,
    journalMode: String(value("journal_mode")),
    synchronous: Number(value("synchronous")),
    foreignKeys: Number(value("foreign_keys")),
    walAutocheckpoint: Number(value("wal_autocheckpoint")),
    busyTimeoutMs: Number(value("busy_timeout")),
    applicationId: Number(value("application_id")),
    userVersion: Number(value("user_version")),
  };
}
