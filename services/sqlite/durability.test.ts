import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, type TestContext, test } from "vitest";
import { note, openNotes, temporaryDirectory } from "./fixtures/note-database.ts";

const writer = fileURLToPath(new URL("./fixtures/writer-process.ts", import.meta.url));

interface Written {
  readonly lines: string[];
  readonly acknowledged: bigint[];
}

function parse(output: string): Written {
  const lines = output.split("\n").filter((line) => line !== "");
  const acknowledged = lines.filter((line) => line.startsWith("ack ")).map((line) => BigInt(line.slice(4)));
  return { lines, acknowledged };
}

/** Runs a writer to its end; `wrapper` is a command that starts it, as strace or a limit does. */
function write(args: readonly string[], wrapper: readonly string[] = []): Written {
  const [command = "", ...rest] = [...wrapper, process.execPath, writer, ...args];
  return parse(execFileSync(command, rest, { encoding: "utf8", timeout: 15_000 }));
}

/** Collects the output of a writer that runs beside the test. */
function collect(child: ChildProcess, onLine: (line: string) => void = () => undefined): Promise<Written> {
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    for (const line of text.split("\n")) onLine(line);
  });
  return new Promise((resolve) => child.on("close", () => resolve(parse(output))));
}

/** Skips by name what this machine cannot run; with CI=true it runs, and fails. */
function need(context: TestContext, tool: string, usable: boolean): void {
  if (!usable && process.env["CI"] !== "true") context.skip(`${tool} is not usable here`);
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** The completed syncs and the acknowledgements of a traced writer, in the order in which they happened. */
function traced(log: string): ("sync" | "ack")[] {
  const events: ("sync" | "ack")[] = [];
  for (const line of readFileSync(log, "utf8").split("\n")) {
    if (/(fdatasync|fsync)(\(\d+\)| resumed>.*) += 0/.test(line)) events.push("sync");
    if (/write\(1, "ack /.test(line)) events.push("ack");
  }
  return events;
}

const strace = ["strace", "-f", "-qq", "-e", "trace=fdatasync,fsync,write"];

test("each acknowledged write was synced before its answer", (context) => {
  need(context, "strace", succeeds("strace", "-qq", "-o", "/dev/null", "true"));
  using directory = temporaryDirectory();
  const log = directory.path("trace");
  const { acknowledged } = write([directory.path("notes.db"), "1", "20", "1"], [...strace, "-o", log]);
  expect(acknowledged).toHaveLength(20);
  const order = traced(log).map((event) => (event === "sync" ? "s" : "a"));
  expect(order.join("")).toMatch(/^(s+a){20}s*$/);
});

test("concurrent writes share their syncs", (context) => {
  need(context, "strace", succeeds("strace", "-qq", "-o", "/dev/null", "true"));
  using directory = temporaryDirectory();
  const log = directory.path("trace");
  const { acknowledged } = write([directory.path("notes.db"), "1", "1000", "100"], [...strace, "-o", log]);
  expect(acknowledged).toHaveLength(1000);
  const syncs = traced(log).filter((event) => event === "sync").length;
  // Ten rounds of a hundred need ten commits at least; opening, migrating and closing sync as well.
  expect(syncs).toBeGreaterThanOrEqual(10);
  expect(syncs).toBeLessThan(250);
});

test("what a killed process had acknowledged is in the file, once", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  const everAcknowledged: bigint[] = [];
  for (const [round, killAfter] of [300, 40, 1].entries()) {
    const args = [writer, path, String(1 + round * 1_000_000), "1000000", "20"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let answers = 0;
    const { acknowledged, lines } = await collect(child, (line) => {
      if (line.startsWith("ack ")) answers += 1;
      if (answers >= killAfter) child.kill("SIGKILL");
    });
    expect(lines).not.toContain("end");
    everAcknowledged.push(...acknowledged);
  }
  expect(everAcknowledged.length).toBeGreaterThanOrEqual(341);
  await using database = await openNotes(path, { integrityCheck: "full" });
  const found = new Set(await database.read("ids", undefined));
  expect(everAcknowledged.filter((id) => !found.has(id))).toEqual([]);
});

test("several processes write one file, and a shared key goes to exactly one of them", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  // Ranges overlap: 1-200, 101-300 and 201-400.
  const results = await Promise.all(
    ["1", "101", "201"].map((first) =>
      collect(
        spawn(process.execPath, [writer, path, first, "200", "10"], { stdio: ["ignore", "pipe", "inherit"] }),
      ),
    ),
  );
  const acknowledged = results.flatMap((each) => each.acknowledged).sort((a, b) => Number(a - b));
  expect(acknowledged).toEqual(Array.from({ length: 400 }, (_, i) => BigInt(i + 1)));
  const refused = results.flatMap((each) => each.lines.filter((line) => line.startsWith("refused")));
  expect(refused).toEqual(Array.from({ length: 200 }, () => "refused constraint"));
  await using database = await openNotes(path);
  expect(await database.read("count", undefined)).toBe(400n);
});

test("when writing to the log fails at COMMIT, the outcome is unknown and what was acknowledged is kept", async () => {
  using directory = temporaryDirectory();
  const path = directory.path("notes.db");
  // A limit on the size of files stands for a failing disk: 256 blocks of 1 KiB.
  const limited = ["bash", "-c", 'ulimit -f 256; exec "$@"', "limited"];
  const { lines, acknowledged } = write([path, "1", "60", "1", "10000"], limited);
  expect(acknowledged.length).toBeGreaterThan(0);
  const failures = lines.filter((line) => /^(unknown|refused)/.test(line));
  expect(failures).toContainEqual(expect.stringMatching(/^unknown /));
  expect(failures.filter((line) => !/^unknown|^refused io/.test(line))).toEqual([]);
  await using database = await openNotes(path, { integrityCheck: "full" });
  const found = await database.read("ids", undefined);
  expect(found).toEqual(expect.arrayContaining(acknowledged));
  await database.run("insert", note(1_000_000));
});

test("a full disk refuses writes, loses none that was acknowledged, and writes go on when there is space", async (context) => {
  using directory = temporaryDirectory();
  const disk = directory.path("disk");
  mkdirSync(disk);
  const mounted = succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk);
  // Mounting is a privilege and no tool, so this one is skipped in CI as well when it lacks it.
  if (!mounted) context.skip("mounting a small tmpfs needs root");
  try {
    const database = await openNotes(`${disk}/notes.db`);
    writeFileSync(`${disk}/ballast`, new Uint8Array(600_000));
    const written: bigint[] = [];
    const insert = (id: number): Promise<unknown> =>
      database.run("insert", note(id, 20_000)).then(
        () => void written.push(BigInt(id)),
        (failure: unknown) => failure,
      );
    let failure: unknown;
    for (let id = 1; id <= 60 && failure === undefined; id += 1) failure = await insert(id);
    expect(failure).toMatchObject({ name: "StoreRefusal", kind: "full" });
    expect(await database.read("ids", undefined)).toEqual(written);
    rmSync(`${disk}/ballast`);
    expect(await insert(100)).toBeUndefined();
    expect(await database.read("ids", undefined)).toEqual(written);
    await database.stop();
    const again = await openNotes(`${disk}/notes.db`, { integrityCheck: "full" });
    expect(await again.read("ids", undefined)).toEqual(written);
    await again.stop();
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});
