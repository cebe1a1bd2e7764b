import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The longest that one step of building the example may take, in milliseconds; the largest takes 70 s on two busy cores. */
export const goExampleBuildMsMax = 300_000;

const root = fileURLToPath(new URL("../../", import.meta.url));
const example = join(root, "examples/go");
const cache = join(root, ".cache/go");

/** The program of `examples/go`, if it was built from its sources and the protos as they stand. */
export function goExampleProgram(): string | undefined {
  const program = join(builtDirectory(), "client");
  return existsSync(program) ? program : undefined;
}

/**
 * Generates the example's code from the protos and builds it, as its README says, in a copy: nothing is left in the folder of the
 * example. The first time needs the Go module proxy. Throws, with the words of buf or Go, when it cannot be built.
 */
export function buildGoExample(): void {
  const target = builtDirectory();
  if (existsSync(target)) return;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(`${target}-`);
  const sources = mkdtempSync(join(cache, "example-sources-"));
  try {
    for (const name of sourceNames()) copyFileSync(join(example, name), join(sources, name));
    // In the folder of the example, whose paths to the protos are relative and whose go.mod names the plugins.
    run(join(root, "node_modules/.bin/buf"), ["generate", "--output", sources], example);
    run("go", ["vet", "."], sources);
    run("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", join(draft, "client"), "."], sources);
    if (!existsSync(target)) renameSync(draft, target);
  } finally {
    for (const directory of [draft, sources]) rmSync(directory, { recursive: true, force: true });
  }
}

function sourceNames(): string[] {
  return globSync(["*.go", "go.mod", "go.sum", "buf.gen.yaml"], { cwd: example }).toSorted();
}

function builtDirectory(): string {
  const protos = globSync(["proto/api/**/*.proto", "proto/vendor/buf/**/*.proto"], { cwd: root }).toSorted();
  const hash = createHash("sha256");
  for (const path of [...sourceNames().map((name) => `examples/go/${name}`), ...protos]) {
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)));
  }
  return join(cache, `example-${hash.digest("hex").slice(0, 16)}`);
}

function run(program: string, argv: readonly string[], cwd: string): void {
  try {
    execFileSync(program, argv, {
      cwd,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -buildvcs=false" },
      stdio: "pipe",
      timeout: goExampleBuildMsMax,
      encoding: "utf8",
    });
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    throw new Error(`${argv[0]} of examples/go failed: ${output}`, { cause: error });
  }
}
