import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const buf = join(dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")), "bin", "buf");

/** What `buf breaking` says of a copy of the contract in which one text of one file was replaced; empty when nothing breaks. */
function breaksOf(file: string, before: string, after: string): string {
  const copy = mkdtempSync(join(tmpdir(), "parley-breaking-"));
  try {
    cpSync(join(root, "proto"), join(copy, "proto"), { recursive: true });
    cpSync(join(root, "buf.yaml"), join(copy, "buf.yaml"));
    const path = join(copy, "proto/api", file);
    const text = readFileSync(path, "utf8");
    expect(text).toContain(before);
    writeFileSync(path, text.replace(before, after));
    const args = ["breaking", "proto/api", "--against", join(root, "proto/baseline.binpb")];
    execFileSync(process.execPath, [buf, ...args], { cwd: copy, encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) {
    if (error instanceof Error && "stdout" in error && error.stdout !== "") return String(error.stdout);
    throw error;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const session = "parley/session/v1/session.proto";

test("the contract as it stands breaks no client of the baseline, and a new field does not either", () => {
  expect(breaksOf(session, "message Moving {", "message Moving {")).toBe("");
  expect(breaksOf(session, "message Moving {", "message Moving {\n  // New.\n  bool hurry = 4;")).toBe("");
});

test("a field with another number, or a message that is gone, is caught", () => {
  expect(breaksOf(session, "uint64 generation = 2;", "uint64 generation = 20;")).toContain("generation");
  expect(breaksOf(session, "message Moving {", "message Going {")).toContain("Moving");
});
