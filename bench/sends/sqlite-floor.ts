import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { answerTasks } from "../processes/child.ts";
import { type Latency, latencyOf } from "../statistics.ts";

/** What the disk and SQLite can do with rows like ours when nothing else is done. */
export interface FloorFigures {
  readonly rowsPerSecond: number;
  /** Of one transaction. */
  readonly commit: Latency;
}

/** The floor, in a process of its own. */
export interface SqliteFloorTasks {
  run(argument: { directory: string; batch: number; seconds: number; entryBytes: number }): FloorFigures;
}

// The shape of an entry and of its conversation's head as a node stores them; sizes and indexes are what matters.
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS entry (
    conversation_id TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, message_ordinal INTEGER NOT NULL,
    entry_id INTEGER NOT NULL, sender_id TEXT NOT NULL, client_message_id TEXT NOT NULL, digest BLOB NOT NULL,
    has_effects INTEGER NOT NULL, create_time_ms INTEGER NOT NULL, bytes BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS entry_seq ON entry (conversation_id, seq);
  CREATE UNIQUE INDEX IF NOT EXISTS entry_client ON entry (conversation_id, sender_id, client_message_id);
  CREATE TABLE IF NOT EXISTS head (
    conversation_id TEXT NOT NULL PRIMARY KEY, head_seq INTEGER NOT NULL, message_ordinal INTEGER NOT NULL,
    applied_seq INTEGER NOT NULL, change_time_ms INTEGER NOT NULL, member_low TEXT NOT NULL,
    member_high TEXT NOT NULL, change_mark INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS head_member_low ON head (member_low);
  CREATE INDEX IF NOT EXISTS head_member_high ON head (member_high);
  CREATE INDEX IF NOT EXISTS head_change
    ON head (change_mark, conversation_id, head_seq, applied_seq, member_low, member_high);`;

const insertEntry = "INSERT INTO entry VALUES (?, ?, 1, ?, ?, ?, ?, ?, 0, ?, ?)";

const raiseHead = `INSERT INTO head VALUES (?1, ?2, ?2, ?2, ?3, ?4, 'zzzzzzzzzzzzz', ?5)
  ON CONFLICT (conversation_id) DO UPDATE SET head_seq = ?2, message_ordinal = ?2, applied_seq = ?2, change_time_ms = ?3,
    change_mark = ?5`;

const conversations = 64;

interface Writer {
  readonly entry: StatementSync;
  readonly head: StatementSync;
  readonly digest: Buffer;
  readonly bytes: Buffer;
}

function run({
  directory,
  batch,
  seconds,
  entryBytes,
}: Parameters<SqliteFloorTasks["run"]>[0]): FloorFigures {
  const database = new DatabaseSync(join(directory, `floor-${batch}-${performance.now()}.db`));
  database.exec(schema);
  const writer = {
    entry: database.prepare(insertEntry),
    head: database.prepare(raiseHead),
    digest: Buffer.alloc(32, 1),
    bytes: Buffer.alloc(entryBytes, 2),
  };
  const startMs = performance.now();
  const commits: number[] = [];
  let rows = 0;
  for (let nowMs = startMs; nowMs - startMs < seconds * 1_000; ) {
    database.exec("BEGIN IMMEDIATE");
    for (let index = 0; index < batch; index += 1, rows += 1) writeRow(writer, rows);
    database.exec("COMMIT");
    const endMs = performance.now();
    commits.push(endMs - nowMs);
    nowMs = endMs;
  }
  const tookMs = performance.now() - startMs;
  database.close();
  return { rowsPerSecond: (rows / tookMs) * 1_000, commit: latencyOf(commits) };
}

function writeRow({ entry, head, digest, bytes }: Writer, row: number): void {
  const seq = Math.floor(row / conversations) + 1;
  const account = String(row % conversations).padStart(13, "0");
  const conversationId = `d-${account}-zzzzzzzzzzzzz`;
  const clientMessageId = `00000000-0000-4000-8000-${String(row).padStart(12, "0")}`;
  const nowMs = Date.now();
  entry.run(conversationId, seq, seq, row + 1, account, clientMessageId, digest, nowMs, bytes);
  head.run(conversationId, seq, nowMs, account, row + 1);
}

answerTasks<SqliteFloorTasks>({ run });
