import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The store of a data directory. */
const storeFile = "parley.db";

/** A lock that is not free for so long belongs to a process that stands still: a commit takes some milliseconds. */
const heldMsMin = 300;

/** Whether somebody holds the write lock of a data directory's store. Blocks this process for `heldMsMin` at most. */
export function isWriteLocked(dataDirectory: string): boolean {
  using database = new DatabaseSync(join(dataDirectory, storeFile), { timeout: heldMsMin });
  try {
    database.exec("BEGIN IMMEDIATE");
  } catch (error) {
    if (error instanceof Error && error.message === "database is locked") return true;
    throw error;
  }
  database.exec("ROLLBACK");
  return false;
}
