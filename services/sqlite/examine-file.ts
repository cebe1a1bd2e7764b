import { existsSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { UnusableDatabase } from "./failures.ts";
import type { ExpectedFile, FileFindings, FileTask } from "./file-worker.ts";
import { primaryCodeOf, resultCodes, sqliteErrorOf } from "./sqlite-error.ts";

type ExamineTask = Extract<FileTask, { kind: "examine" }>;

/** Looks at a file that nobody writes, as it is: a log beside it would be a part of it, so there must be none. */
export function examineFile({ path, expected, questions, comparison }: ExamineTask): FileFindings {
  if (!existsSync(path)) throw new UnusableDatabase("missing", `there is no file ${path}`);
  if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    const message = `${path} has a write-ahead log beside it, so it is a node's own file and no backup of one`;
    throw new UnusableDatabase("foreign", message);
  }
  // Immutable, so that SQLite makes no files beside it; it may be on a disk that cannot be written.
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return ofDatabase(path, () => {
    using database = new DatabaseSync(url, { readOnly: true, readBigInts: true });
    const version = assertExpected(database, path, expected);
    assertWhole(database, path);
    const answers = new Map(askAll(database, questions));
    for (const [name, answer] of compare(database, comparison)) answers.set(name, answer);
    return { version, answers };
  });
}

/** Answers the version. Throws UnusableDatabase unless it is a database of ours that this program knows. */
export function assertExpected(database: DatabaseSync, path: string, expected: ExpectedFile): number {
  return ofDatabase(path, () => {
    const { applicationId, versionMax } = expected;
    const found = pragma(database, "application_id");
    if (found !== applicationId) {
      const message = `${path} is no store of Parley (application_id ${found}, expected ${applicationId})`;
      throw new UnusableDatabase("foreign", message);
    }
    const version = pragma(database, "user_version");
    if (version <= versionMax) return version;
    const message = `${path} has schema version ${version} and this program knows versions up to ${versionMax}: use a newer one`;
    throw new UnusableDatabase("newer", message);
  });
}

/** Throws UnusableDatabase unless every page and every index is sound. */
export function assertWhole(database: DatabaseSync, path: string): void {
  const findings = ofDatabase(path, () => database.prepare("PRAGMA integrity_check(3)").all());
  const texts = findings.map((row) => String(row["integrity_check"]));
  if (texts.length !== 1 || texts[0] !== "ok") throw damaged(path, texts.join("; "));
}

/** Asks each question, which answers one INTEGER. */
export function askAll(
  database: DatabaseSync,
  questions: Readonly<Record<string, string>>,
): ReadonlyMap<string, bigint> {
  return new Map(
    Object.entries(questions).map(([name, sql]) => {
      const [answer] = Object.values(database.prepare(sql).get() ?? {});
      return [name, typeof answer === "bigint" ? answer : 0n];
    }),
  );
}

/** The other database may be damaged, or older than the questions: then nothing is known of it. */
function compare(database: DatabaseSync, comparison: ExamineTask["comparison"]): ReadonlyMap<string, bigint> {
  if (comparison === undefined) return new Map();
  try {
    database.prepare("ATTACH ? AS other").run(comparison.path);
    return askAll(database, comparison.questions);
  } catch (thrown) {
    if (sqliteErrorOf(thrown) === undefined) throw thrown;
    return new Map();
  }
}

function pragma(database: DatabaseSync, name: "application_id" | "user_version"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function ofDatabase<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const code = primaryCodeOf(thrown);
    if (code === resultCodes.notADatabase) {
      throw new UnusableDatabase("not-a-database", `${path} is no SQLite database`);
    }
    if (code === resultCodes.corrupt) throw damaged(path, sqliteErrorOf(thrown)?.message ?? "");
    throw thrown;
  }
}

function damaged(path: string, findings: string): UnusableDatabase {
  return new UnusableDatabase("damaged", `${path} is damaged: ${findings.replaceAll("\n", " ")}`);
}
