import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { waitUntil } from "../testkit/wait-until.ts";
import { note, openNotes, temporaryDirectory } from "./fixtures/note-database.ts";
import { recordingMetrics } from "./fixtures/recording.ts";

/** A process of a test, killed at the end of its scope if it still runs. */
class TestProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #rest = "";

  constructor(fixture: string, args: readonly string[]) {
    const script = fileURLToPath(new URL(`./fixtures/${fixture}`, import.meta.url));
    this.#child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    this.#closed = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.lines.push(line);
    });
  }

  /** What it was told to be durable. */
  get acknowledged(): bigint[] {
    return this.lines.filter((line) => line.startsWith("ack ")).map((line) => BigInt(line.slice(4)));
  }

  get failures(): string[] {
    return this.lines.filter((line) => /^(refused|unknown)/.test(line));
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async says(line: string): Promise<void> {
    await waitUntil(`the process says "${line}"`, () => this.lines.includes(line), { timeoutMs: 15_000 });
  }

  /** Waits until this many more writes were acknowledged. */
  async acknowledges(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    await waitUntil(`${wanted} writes are acknowledged`, () => this.acknowledged.length >= wanted, {
      timeoutMs: 15_000,
    });
  }

  async ended(): Promise<void> {
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

/** Three writers of one file, with ids of their own, each with ten writes at once. */
function startWriters(path: string, count = 1_000_000, rest: readonly string[] = ["200"]): TestProcess[] {
  return [1, 10_000_000, 20_000_000].map(
    (first) => new TestProcess("writer-process.ts", [path, String(first), String(count), "10", ...rest]),
  );
}

async function missingFrom(path: string, writers: readonly TestProcess[]): Promise<bigint[]> {
  await using database = await openNotes(path, { integrityCheck: "full" });
  const found = new Set(await database.read("ids", undefined));
  return writers.flatMap((writer) => writer.acknowledged).filter((id) => !found.has(id));
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

test("three processes that write at once all make progress, none is refused, and nothing is lost", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await using processes = new AsyncDisposableStack();
  const writers = startWriters(path).map((writer) => processes.use(writer));
  await Promise.all(writers.map((writer) => writer.says("open")));
  await Promise.all(writers.map((writer) => writer.acknowledges(1_500)));
  for (const writer of writers) writer.signal("SIGTERM");
  await Promise.all(writers.map((writer) => writer.ended()));
  expect(writers.flatMap((writer) => writer.failures)).toEqual([]);
  const counts = writers.map((writer) => writer.acknowledged.length);
  // Far from what is measured (the least gets more than a quarter), because machines differ.
  expect(Math.min(...counts)).toBeGreaterThan(counts.reduce((sum, each) => sum + each) / 30);
  expect(await missingFrom(path, writers)).toEqual([]);
});

test("when one process is killed the others go on without a refusal, and what it acknowledged stays", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await using processes = new AsyncDisposableStack();
  const writers = startWriters(path).map((writer) => processes.use(writer));
  const [victim, ...others] = writers;
  await Promise.all(writers.map((writer) => writer.acknowledges(300)));
  victim?.signal("SIGKILL");
  await victim?.ended();
  await Promise.all(others.map((writer) => writer.acknowledges(300)));
  for (const writer of others) writer.signal("SIGTERM");
  await Promise.all(others.map((writer) => writer.ended()));
  expect(others.flatMap((writer) => writer.failures)).toEqual([]);
  expect(others.map((writer) => writer.lines.at(-1))).toEqual(["end", "end"]);
  expect(await missingFrom(path, writers)).toEqual([]);
});

test("while a frozen process holds the lock the others refuse as busy and read; when it thaws they write", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await using database = await openNotes(path, { busyTimeoutMs: 400 });
  await database.run("insert", note(1));
  await using holder = new TestProcess("holder-process.ts", [path, "write", "100"]);
  await holder.says("holding");
  holder.signal("SIGSTOP");
  // The wait is longer than the lock would have been held, had the holder not been frozen.
  await expect(database.run("insert", note(2))).rejects.toMatchObject({ kind: "busy" });
  expect(await database.read("count", undefined)).toBe(1n);
  await expect(database.run("insert", note(2))).rejects.toMatchObject({ kind: "busy" });
  holder.signal("SIGCONT");
  await holder.says("released");
  await database.run("insert", note(2));
  await holder.ended();
});

test("a frozen holder of the lock that is killed holds it no more", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await using database = await openNotes(path, { busyTimeoutMs: 400 });
  await using holder = new TestProcess("holder-process.ts", [path, "write", "100"]);
  await holder.says("holding");
  holder.signal("SIGSTOP");
  await expect(database.run("insert", note(1))).rejects.toMatchObject({ kind: "busy" });
  holder.signal("SIGKILL");
  await holder.ended();
  await database.run("insert", note(1));
});

test("several processes that start at once on an old file migrate it once", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await (await openNotes(path)).stop();
  await using processes = new AsyncDisposableStack();
  const started = Array.from({ length: 4 }, () =>
    processes.use(new TestProcess("opening-process.ts", [path])),
  );
  await Promise.all(started.map((each) => each.ended()));
  expect(started.map((each) => each.lines)).toEqual(started.map(() => ["version 3"]));
  using file = new DatabaseSync(path);
  const steps = file.prepare("SELECT version FROM step ORDER BY version").all();
  expect(steps.map((row) => row["version"])).toEqual([2, 3]);
});

test("the log stays bounded under the writes and overlapping reads of three processes", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  await using processes = new AsyncDisposableStack();
  const limit = 8 * 2 ** 20;
  const rest = ["4000", "2", String(limit)];
  const writers = startWriters(path, 5_000, rest).map((writer) => processes.use(writer));
  let [largest, before, emptied] = [0, 0, 0];
  const look = setInterval(() => {
    const bytes = logBytes(path);
    if (bytes < before / 2) emptied += 1;
    largest = Math.max(largest, bytes);
    before = bytes;
  }, 10);
  await Promise.all(writers.map((writer) => writer.ended()));
  clearInterval(look);
  expect(writers.flatMap((writer) => writer.failures)).toEqual([]);
  // 60 MB of notes and their indexes went through it. How far it grows above the limit depends on how long readers hold it.
  expect(largest).toBeGreaterThan(limit / 2);
  expect(largest).toBeLessThan(30 * 2 ** 20);
  expect(emptied).toBeGreaterThanOrEqual(2);
  expect(await missingFrom(path, writers)).toEqual([]);
});

test("a frozen reader lets the log grow, delays nobody for long, and the log is emptied after it has thawed", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  const metrics = recordingMetrics();
  const options = { limits: { walBytesMax: 2 ** 20 }, metrics };
  await using database = await openNotes(path, options);
  await database.run("insert", note(1));
  await using reader = new TestProcess("holder-process.ts", [path, "read", "100"]);
  await reader.says("holding");
  reader.signal("SIGSTOP");
  let id = 1;
  const write = async (): Promise<void> => {
    id += 1;
    await database.run("insert", note(id, 50_000));
  };
  await waitUntil("the log has grown, and emptying it was given up", async () => {
    await write();
    return logBytes(path) > 3 * 2 ** 20 && metrics.totals.has("sqlite_log_truncations_total held");
  });
  reader.signal("SIGCONT");
  await reader.ended();
  // The first one tries again after a pause of some seconds; another process has none.
  await using fresh = await openNotes(path, options);
  await waitUntil("the log is emptied", async () => {
    id += 1;
    await fresh.run("insert", note(id));
    return logBytes(path) < 2 ** 20 && metrics.totals.has("sqlite_log_truncations_total emptied");
  });
  // Neither the refused attempts to empty it nor the one that did lost anything.
  expect(await fresh.read("count", undefined)).toBe(BigInt(id));
});
