import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { note, openNotes, temporaryDirectory } from "./fixtures/note-database.ts";
import { noteMigrations } from "./fixtures/note-procedures.ts";

const secondStep = {
  version: 2,
  sql: "ALTER TABLE note ADD COLUMN colour TEXT; CREATE INDEX n ON note (colour);",
};

/** A stopped file with enough rows to fill some pages. */
async function filledFile(path: string): Promise<void> {
  await using database = await openNotes(path);
  await database.run(
    "insertMany",
    Array.from({ length: 200 }, (_, i) => note(i + 1, 500)),
  );
}

test("a file that is no database is refused by name and not touched", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("letter.txt");
  writeFileSync(path, "Dear Alice, this is a letter. ".repeat(500));
  const before = readFileSync(path);
  await expect(openNotes(path)).rejects.toMatchObject({
    name: "UnusableDatabase",
    reason: "not-a-database",
    message: expect.stringContaining(path),
  });
  expect(readFileSync(path)).toEqual(before);
});

test("a damaged file is refused with its path, what is wrong and what to do", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await filledFile(path);
  const bytes = readFileSync(path);
  bytes.fill(0xa5, 4096 * 3, 4096 * 6);
  writeFileSync(path, bytes);
  const opening = openNotes(path);
  await expect(opening).rejects.toMatchObject({ reason: "damaged" });
  await expect(opening).rejects.toThrow(`${path} is damaged`);
  await expect(opening).rejects.toThrow("restore a backup");
});

test("a truncated file is refused as damaged", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await filledFile(path);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, 4096 * 5));
  await expect(openNotes(path)).rejects.toMatchObject({ reason: "damaged" });
});

test("only the full check finds an index that disagrees with its table", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await filledFile(path);
  const file = new DatabaseSync(path);
  file.enableDefensive(false);
  file.exec("PRAGMA writable_schema = ON; CREATE INDEX later ON note (body)");
  file.exec("UPDATE sqlite_schema SET sql = 'CREATE INDEX later ON note (label)' WHERE name = 'later'");
  file.close();
  await expect(openNotes(path, { integrityCheck: "full" })).rejects.toMatchObject({ reason: "damaged" });
  await using database = await openNotes(path, { integrityCheck: "none" });
  expect(await database.read("count", undefined)).toBe(200n);
});

test("a file of newer code is refused with both versions", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  const newer = await openNotes(path, { migrations: [...noteMigrations, { version: 7, sql: "SELECT 1" }] });
  await newer.stop();
  const opening = openNotes(path);
  await expect(opening).rejects.toMatchObject({ reason: "newer" });
  await expect(opening).rejects.toThrow(/schema version 7, but this program knows versions up to 1/);
});

test("a database of another application is refused and not touched", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("other.db");
  const other = new DatabaseSync(path);
  other.exec("CREATE TABLE theirs (a)");
  other.close();
  const before = readFileSync(path);
  await expect(openNotes(path)).rejects.toMatchObject({ reason: "foreign" });
  expect(readFileSync(path)).toEqual(before);
  const mine = directory.path("mine.db");
  await filledFile(mine);
  await expect(openNotes(mine, { applicationId: 77 })).rejects.toMatchObject({ reason: "foreign" });
});

test("a path whose directory is missing says so", async () => {
  using directory = temporaryDirectory();
  const opening = openNotes(directory.path("nowhere/notes.db"));
  await expect(opening).rejects.toMatchObject({ reason: "missing" });
  await expect(opening).rejects.toThrow("Check that its directory exists");
});

test("later migrations are applied to an older file, once", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await filledFile(path);
  for (let start = 0; start < 2; start += 1) {
    await using database = await openNotes(path, { migrations: [...noteMigrations, secondStep] });
    expect((await database.pragmas())[0]?.userVersion).toBe(2);
    expect(await database.read("count", undefined)).toBe(200n);
  }
});

test("a failing migration leaves the version and content of the step before", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await filledFile(path);
  const failing = { version: 3, sql: "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);" };
  const opening = openNotes(path, { migrations: [...noteMigrations, secondStep, failing] });
  await expect(opening).rejects.toMatchObject({ reason: "migration" });
  await expect(opening).rejects.toThrow(/Migration 3 .*no such table: nowhere/);
  const file = new DatabaseSync(path);
  expect(file.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: 2 });
  expect(file.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'half'").get()).toMatchObject({
    n: 0,
  });
  file.close();
});

test("a migration that ends its own transaction is a failing one", async () => {
  using directory = temporaryDirectory();
  const opening = openNotes(directory.path("notes.db"), { migrations: [{ version: 1, sql: "COMMIT" }] });
  await expect(opening).rejects.toThrow("it ended its transaction");
});

test("migrations out of order are refused before anything is opened", async () => {
  using directory = temporaryDirectory();
  for (const versions of [[2, 1], [1, 1], [0], [1.5]]) {
    const migrations = versions.map((version) => ({ version, sql: "SELECT 1" }));
    await expect(openNotes(directory.path("notes.db"), { migrations })).rejects.toThrow(RangeError);
  }
});

test("several may create and migrate one file at the same moment", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  const migrations = [...noteMigrations, secondStep];
  const databases = await Promise.all([1, 2, 3, 4].map(() => openNotes(path, { migrations })));
  await Promise.all(databases.map((database, i) => database.run("insert", note(i + 1))));
  expect(await databases[0]?.read("count", undefined)).toBe(4n);
  await Promise.all(databases.map((database) => database.stop()));
});

test("a module without procedures, or that does not load, is named", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  const broken = directory.path("broken.ts");
  writeFileSync(broken, 'export const procedures = { reads: { count: "not a function" } };');
  await expect(openNotes(path, { procedures: new URL(`file://${broken}`) })).rejects.toMatchObject({
    reason: "code",
    message: expect.stringContaining("reads.count is not a function"),
  });
  const missing = new URL(`file://${directory.path("missing.ts")}`);
  await expect(openNotes(path, { procedures: missing })).rejects.toThrow("do not load");
});
