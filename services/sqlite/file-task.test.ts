import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runFileTask } from "./file-task.ts";
import type { FileFindings } from "./file-worker.ts";
import { note, openNotes, temporaryDirectory } from "./fixtures/note-database.ts";
import { parleyApplicationId } from "./open-database.ts";

const expected = { applicationId: parleyApplicationId, versionMax: 1 };
const questions = { notes: "SELECT count(*) FROM note" };

function copy(path: string, to: string, onProgress?: (done: number) => void): Promise<FileFindings> {
  return runFileTask({ kind: "copy", path, to, expected, questions }, { onProgress });
}

function examine(path: string, versionMax = 1): Promise<FileFindings> {
  const looked = { ...expected, versionMax };
  return runFileTask({ kind: "examine", path, expected: looked, questions, comparison: undefined });
}

/** A closed file with notes from 1 on. */
async function makeNotes(path: string, count: number, bytes = 8): Promise<void> {
  await using database = await openNotes(path);
  await database.run(
    "insertMany",
    Array.from({ length: count }, (_, index) => note(index + 1, bytes)),
  );
}

function countOf(path: string): number {
  using database = new DatabaseSync(path);
  return Number(database.prepare("SELECT count(*) AS notes FROM note").get()?.["notes"]);
}

describe("a copy", () => {
  test("of a database that another connection goes on writing is what it was at one moment, and comes to an end", async () => {
    using directory = temporaryDirectory();
    const path = directory.path("notes.db");
    await using database = await openNotes(path);
    const first = Array.from({ length: 4_000 }, (_, index) => note(index + 1, 3_000));
    await database.run("insertMany", first);
    const told: number[] = [];
    const over = new AbortController();
    const copying = copy(path, directory.path("copy.db"), (done) => told.push(done)).finally(() =>
      over.abort(),
    );
    let written = first.length;
    while (!over.signal.aborted) {
      written += 1;
      await database.run("insert", note(written, 3_000));
    }
    const { answers, version } = await copying;
    expect(version).toBe(1);
    const copied = Number(answers.get("notes"));
    expect(copied).toBeGreaterThanOrEqual(first.length);
    expect(copied).toBeLessThan(written);
    // What is in the copy is a beginning of what was written, without a gap.
    await using opened = await openNotes(directory.path("copy.db"), { integrityCheck: "full" });
    const ids = await opened.read("ids", undefined);
    expect(ids.at(-1)).toBe(BigInt(copied));
    expect(ids).toHaveLength(copied);
    expect(told.every((done) => done >= 0 && done <= 1)).toBe(true);
  });

  test("is one file, with nothing beside it", async () => {
    using directory = temporaryDirectory();
    mkdirSync(directory.path("to"));
    await makeNotes(directory.path("notes.db"), 3);
    await copy(directory.path("notes.db"), directory.path("to/copy.db"));
    expect(readdirSync(directory.path("to"))).toEqual(["copy.db"]);
    expect((await examine(directory.path("to/copy.db"))).answers).toEqual(new Map([["notes", 3n]]));
  });

  test("ends with the signal's reason when that comes first", async () => {
    using directory = temporaryDirectory();
    await makeNotes(directory.path("notes.db"), 3);
    const task = { kind: "copy", path: directory.path("notes.db"), to: directory.path("copy.db") } as const;
    const abort = new AbortController();
    const copying = runFileTask({ ...task, expected, questions }, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(copying).rejects.toThrow("enough");
  });
});

describe("a file that is examined", () => {
  test("is refused with its reason when it is missing, none of ours, newer, a node's own, or damaged", async () => {
    using directory = temporaryDirectory();
    const path = directory.path("notes.db");
    await makeNotes(path, 200, 3_000);
    writeFileSync(directory.path("text"), "a text of some length, which is no database at all ".repeat(30));
    await expect(examine(directory.path("none"))).rejects.toMatchObject({ reason: "missing" });
    await expect(examine(directory.path("text"))).rejects.toMatchObject({ reason: "not-a-database" });
    await expect(examine(path, 0)).rejects.toMatchObject({ reason: "newer" });
    using other = new DatabaseSync(directory.path("other.db"));
    other.exec("CREATE TABLE note (id INTEGER)");
    await expect(examine(directory.path("other.db"))).rejects.toMatchObject({ reason: "foreign" });
    copyFileSync(path, directory.path("damaged.db"));
    const file = openSync(directory.path("damaged.db"), "r+");
    writeSync(file, new Uint8Array(8_192).fill(7), 0, 8_192, 100 * 4_096);
    await expect(examine(directory.path("damaged.db"))).rejects.toMatchObject({ reason: "damaged" });
    await using database = await openNotes(path);
    await database.run("insert", note(1_000));
    await expect(examine(path)).rejects.toMatchObject({ reason: "foreign" });
  });
});

/** A directory with an old database of 2 notes, the second in its log alone as after a kill, and a new one of 5. */
async function prepare(directory: { path(name: string): string }): Promise<void> {
  {
    await using database = await openNotes(directory.path("live.db"));
    await database.run("insertMany", [note(1), note(2)]);
    for (const suffix of ["", "-wal", "-shm"]) {
      copyFileSync(directory.path(`live.db${suffix}`), directory.path(`old.db${suffix}`));
    }
  }
  expect(statSync(directory.path("old.db-wal")).size).toBeGreaterThan(0);
  await makeNotes(directory.path("new.db"), 5);
}

describe("a file that is replaced", () => {
  const script = fileURLToPath(new URL("fixtures/dying-replacement.ts", import.meta.url));

  test("is the old one or the new one, each whole, wherever the process is killed", async () => {
    const found: number[] = [];
    for (let count = 1; ; count += 1) {
      using directory = temporaryDirectory();
      await prepare(directory);
      const { status, signal, stderr } = spawnSync(process.execPath, [
        script,
        directory.path("."),
        `${count}`,
      ]);
      // Anything else would be an error of its own, and on standard error.
      expect([status ?? signal, String(stderr)]).toEqual([status === 0 ? 0 : "SIGKILL", ""]);
      const notes = countOf(directory.path("old.db"));
      found.push(notes);
      // What was there is kept from before the moment at which it is replaced.
      expect(notes === 2 || countOf(directory.path("kept/old.db")) === 2).toBe(true);
      if (status === 0) break;
    }
    expect(new Set(found)).toEqual(new Set([2, 5]));
    expect(found.toSorted((one, other) => one - other)).toEqual(found);
  });

  test("leaves nothing beside the new one when it cannot be opened, and is kept as it is", async () => {
    using directory = temporaryDirectory();
    await prepare(directory);
    for (const name of ["old.db", "old.db-wal"]) writeFileSync(directory.path(name), "damage ".repeat(1_000));
    const [path, by, keptIn] = [directory.path("old.db"), directory.path("new.db"), directory.path("kept")];
    await runFileTask({ kind: "replace", path, by, keptIn });
    expect(countOf(path)).toBe(5);
    expect(readFileSync(`${keptIn}/old.db`, "utf8")).toContain("damage");
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  test("stays when somebody has it open, even one that does nothing", async () => {
    using directory = temporaryDirectory();
    await prepare(directory);
    const path = directory.path("old.db");
    await using open = await openNotes(path);
    const by = directory.path("new.db");
    await expect(runFileTask({ kind: "replace", path, by, keptIn: undefined })).rejects.toMatchObject({
      reason: "busy",
    });
    expect(existsSync(by)).toBe(true);
    expect(await open.read("count", undefined)).toBe(2n);
  });
});
