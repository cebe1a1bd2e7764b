import { expect, test, vi } from "vitest";
import type { Clock, Timer } from "../kernel/clock.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { StoreRefusal } from "./failures.ts";
import { type NoteDatabase, note, openNotes, temporaryDirectory } from "./fixtures/note-database.ts";
import { recordingLogger, recordingMetrics } from "./fixtures/recording.ts";

/** Tries until the restarted worker takes the write; only "unavailable" is worth another try. */
async function insertWhenBack(database: NoteDatabase, id: number): Promise<void> {
  await vi.waitUntil(
    () =>
      database.run("insert", note(id)).then(
        () => true,
        (failure: unknown) => {
          if (failure instanceof StoreRefusal && failure.kind === "unavailable") return false;
          throw failure;
        },
      ),
    { timeout: 5_000, interval: 5 },
  );
}

test("when the worker dies, its writes are unknown, its reads refused, and a new one takes over", async () => {
  using directory = temporaryDirectory();
  const logger = recordingLogger();
  const metrics = recordingMetrics();
  await using database = await openNotes(directory.path("notes.db"), { logger, metrics });
  await database.run("insert", note(1));
  const dying = database.run("exit", undefined);
  const beside = database.run("insert", note(2));
  await expect(dying).rejects.toMatchObject({ name: "StoreOutcomeUnknown" });
  await expect(beside).rejects.toMatchObject({ name: "StoreOutcomeUnknown" });
  await expect(database.read("count", undefined)).rejects.toMatchObject({ kind: "unavailable" });
  await insertWhenBack(database, 3);
  expect(await database.read("ids", undefined)).toEqual([1n, 3n]);
  expect(metrics.totals.get("sqlite_worker_restarts_total")).toBe(1);
  expect(metrics.totals.get("sqlite_unknown_total")).toBe(2);
  expect(logger.lines).toEqual([expect.stringMatching(/^warn the database worker was lost .*exit 3/)]);
});

test("repeated losses are louder, and each is survived", async () => {
  using directory = temporaryDirectory();
  const logger = recordingLogger();
  await using database = await openNotes(directory.path("notes.db"), { logger });
  for (const id of [1, 2, 3]) {
    await expect(database.run("exit", undefined)).rejects.toThrow("exit 3");
    await insertWhenBack(database, id);
  }
  expect(logger.lines.map((line) => line.split(" ")[0])).toEqual(["warn", "warn", "error"]);
  expect(await database.read("ids", undefined)).toEqual([1n, 2n, 3n]);
});

test("a worker that answers nothing for too long is given up, and a new one goes on", async () => {
  using directory = temporaryDirectory();
  const logger = recordingLogger();
  await using database = await openNotes(directory.path("notes.db"), { logger, silentAfterMs: 500 });
  const stuck = database.run("wait", 5_000);
  await expect(stuck).rejects.toThrow("answered nothing for 500 ms");
  await insertWhenBack(database, 1);
  expect(await database.read("ids", undefined)).toEqual([1n]);
  expect(logger.lines[0]).toContain("answered nothing");
});

test("a database that is stopped during the pause before a restart stays stopped", async () => {
  using directory = temporaryDirectory();
  const clock = heldClock();
  const database = await openNotes(directory.path("notes.db"), { clock });
  await expect(database.run("exit", undefined)).rejects.toThrow("lost");
  await database.stop();
  clock.fireAll();
  await expect(database.read("count", undefined)).rejects.toThrow("is stopped");
});

/** The real clock, but its timers wait until the test lets them go. */
function heldClock(): Clock & { readonly fireAll: () => void } {
  const held = new Set<() => void>();
  const after = (_delayMs: number, callback: () => void): Timer => {
    held.add(callback);
    return { cancel: () => void held.delete(callback) };
  };
  return { ...systemClock(), after, fireAll: () => held.forEach((callback) => callback()) };
}
