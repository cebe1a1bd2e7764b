import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { StoreOutcomeUnknown, StoreRefusal } from "./failures.ts";
import { note, openNotes, temporaryDirectory } from "./fixtures/note-database.ts";
import { recordingMetrics } from "./fixtures/recording.ts";

/** What became of each promise: "done", or the name and kind of its failure. */
async function outcomes(promises: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((each) => (each.status === "fulfilled" ? "done" : describeFailure(each.reason)));
}

function describeFailure(failure: unknown): string {
  if (failure instanceof StoreRefusal) return failure.kind;
  return failure instanceof StoreOutcomeUnknown ? "unknown" : String(failure);
}

test("every connection has a write-ahead log, full synchronisation and a stated checkpoint", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  const pragmas = await database.pragmas();
  expect(pragmas.map((each) => each.connection)).toEqual(["writer", "reader"]);
  for (const each of pragmas) {
    expect(each).toMatchObject({
      journalMode: "wal",
      synchronous: 2,
      walAutocheckpoint: 8000,
      foreignKeys: 0,
    });
    expect(each).toMatchObject({ applicationId: 0x50_72_6c_79, userVersion: 1 });
  }
});

test("what was written is read back, 64-bit numbers and bytes unchanged", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  const big = { id: 2n ** 62n + 1n, label: "big", body: new Uint8Array([0, 255, 7]) };
  await database.run("insert", big);
  expect(await database.read("raw", big.id)).toEqual(big);
  expect(await database.read("count", undefined)).toBe(1n);
});

test("writes that arrive during a commit share the next one", async () => {
  using directory = temporaryDirectory();
  const metrics = recordingMetrics();
  await using database = await openNotes(directory.path("notes.db"), { metrics });
  const writes: Promise<unknown>[] = [database.run("wait", 200)];
  for (let id = 1; id <= 200; id += 1) {
    writes.push(database.run("insert", note(id)));
    // Each request leaves in a message of its own, while the thread is busy with the first.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(writes);
  expect(metrics.transactionWrites.reduce((sum, each) => sum + each)).toBe(201);
  expect(metrics.transactionWrites.length).toBeLessThan(10);
});

test("a transaction takes no more writes than its limit, and the rest follows in order", async () => {
  using directory = temporaryDirectory();
  const metrics = recordingMetrics();
  const limits = { writesPerTransactionMax: 40 };
  await using database = await openNotes(directory.path("notes.db"), { metrics, limits });
  await Promise.all(Array.from({ length: 100 }, (_, i) => database.run("insert", note(i + 1))));
  expect(metrics.transactionWrites).toEqual([40, 40, 20]);
  expect(await database.read("count", undefined)).toBe(100n);
});

test("a failing write is rolled back and reported alone", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  const results = await outcomes([
    database.run("insert", note(1)),
    database.run("insert", note(1)),
    database.run("insertMany", [note(2), note(3), note(1)]),
    database.run("insertThenFail", note(4)),
    database.run("insert", note(-5)),
    database.run("insert", note(6)),
  ]);
  expect(results).toEqual(["done", "constraint", "constraint", "other", "constraint", "done"]);
  expect(await database.read("ids", undefined)).toEqual([1n, 6n]);
});

test("a violated constraint is named with its result code", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  await database.run("insert", note(1));
  const failure = database.run("insert", { ...note(2), label: "note 1" });
  await expect(failure).rejects.toMatchObject({ constraint: "note.label", resultCode: 2067 });
  await expect(database.run("insert", note(-1))).rejects.toMatchObject({
    constraint: "id > 0",
    resultCode: 275,
  });
});

test("a procedure may commit the prefix before a duplicate", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  await database.run("insert", note(3));
  expect(await database.run("insertPrefix", [note(1), note(2), note(3), note(4)])).toBe(2);
  expect(await database.read("ids", undefined)).toEqual([1n, 2n, 3n]);
});

test("a read can write nothing, and a failing read leaves the others alone", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  const results = await outcomes([
    database.read("sneakyWrite", note(1)),
    database.read("fail", undefined),
    database.read("count", undefined),
  ]);
  expect(results).toEqual(["io", "other", "done"]);
  expect(await database.read("count", undefined)).toBe(0n);
});

test("what cannot cross the threads fails alone, and a committed write is never called refused", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  const uncloneable = Object.assign(note(1), { extra: () => undefined });
  const results = await outcomes([
    database.run("insert", uncloneable),
    database.run("insertLater", note(2)),
    database.run("insertAndReturnFunction", note(3)),
    database.run("insert", note(4)),
  ]);
  expect(results).toEqual(["other", "other", "unknown", "done"]);
  expect(await database.read("ids", undefined)).toEqual([3n, 4n]);
});

test("a full file refuses the transaction, keeps what it had, and goes on when there is space", async () => {
  using directory = temporaryDirectory();
  const metrics = recordingMetrics();
  await using database = await openNotes(directory.path("notes.db"), { metrics });
  await database.run("insert", note(1));
  await database.run("limitPages", 8);
  const results = await outcomes([
    database.run("insert", note(2)),
    database.run("insert", note(3, 100_000)),
    database.run("insert", note(4)),
  ]);
  expect(results).toEqual(["full", "full", "full"]);
  expect(metrics.totals.get("sqlite_refusals_total full")).toBe(3);
  await database.run("insert", note(5));
  await database.run("limitPages", 1_000);
  await database.run("insert", note(3, 100_000));
  expect(await database.read("ids", undefined)).toEqual([1n, 3n, 5n]);
});

test("a procedure that hides the end of its transaction is unknown, and the writes beside it are refused", async () => {
  using directory = temporaryDirectory();
  await using database = await openNotes(directory.path("notes.db"));
  await database.run("limitPages", 8);
  const results = await outcomes([
    database.run("insert", note(1)),
    database.run("insertRegardless", [note(2, 100_000), note(3)]),
    database.run("insert", note(4)),
  ]);
  expect(results).toEqual(["other", "unknown", "other"]);
  expect(await database.read("ids", undefined)).toEqual([3n]);
});

test("over the limit of requests or of bytes a request is refused at once", async () => {
  using directory = temporaryDirectory();
  const limits = { queuedRequestsMax: 10, queuedBytesMax: 5_000 };
  await using database = await openNotes(directory.path("notes.db"), { limits });
  const byCount = await outcomes(Array.from({ length: 12 }, (_, i) => database.run("insert", note(i + 1))));
  expect(byCount.filter((each) => each === "overloaded")).toHaveLength(2);
  expect(byCount.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => "done"));
  const byBytes = [1, 2, 3].map((i) => database.run("insert", note(100 + i, 2_000)));
  expect(await outcomes(byBytes)).toEqual(["done", "done", "overloaded"]);
  await database.run("insert", note(200, 4_000));
});

test("while another process holds the write lock, reads are answered and writes are refused as busy", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await using database = await openNotes(path, { busyTimeoutMs: 800 });
  await database.run("insert", note(1));
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  let settled = false;
  const write = outcomes([database.run("insert", note(2))]).finally(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(await database.read("count", undefined)).toBe(1n);
  expect(settled).toBe(false);
  expect(await write).toEqual(["busy"]);
  other.exec("COMMIT");
  other.close();
  await database.run("insert", note(2));
});

test("stop finishes what waits, refuses what comes later, and leaves no log behind", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  const database = await openNotes(path);
  const writes = Array.from({ length: 50 }, (_, i) => database.run("insert", note(i + 1)));
  const stopped = database.stop();
  expect(await outcomes([database.run("insert", note(99))])).toEqual(["unavailable"]);
  await stopped;
  expect(await outcomes(writes)).toEqual(writes.map(() => "done"));
  await database.stop();
  expect(existsSync(`${path}-wal`)).toBe(false);
  await using again = await openNotes(path);
  expect(await again.read("count", undefined)).toBe(50n);
});

test("what is unanswered at the deadline of stop is unknown for a write and refused for a read", async () => {
  using directory = temporaryDirectory();
  const database = await openNotes(directory.path("notes.db"));
  const held = outcomes([
    database.read("wait", 5_000),
    database.run("insert", note(1)),
    database.run("insert", note(2)),
  ]);
  await database.stop(20);
  expect(await held).toEqual(["unavailable", "unknown", "unknown"]);
});
