import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The longest that creating the environment may take, in milliseconds; most of it is the download. */
export const pythonInstallMsMax = 240_000;

const root = fileURLToPath(new URL("../../", import.meta.url));
const requirements = join(root, "examples/python/requirements.txt");
const cache = join(root, ".cache", "python");

/** The Python of the cached environment, if it was created for the requirements as they stand. */
export function pythonReady(): string | undefined {
  const python = pythonIn(environmentDirectory());
  return existsSync(python) ? python : undefined;
}

/**
 * Creates the environment unless it is there, and answers the path of its Python. The first time needs the
 * package index and takes up to a minute. Throws, with pip's own words, when it cannot be created.
 */
export function createPythonEnvironment(): string {
  const ready = pythonReady();
  if (ready !== undefined) return ready;
  createOnce(environmentDirectory(), (directory) => {
    run("python3", ["-m", "venv", directory]);
    const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
    run(pythonIn(directory), [...pip, "--only-binary=:all:", "--requirement", requirements]);
  });
  return pythonIn(environmentDirectory());
}

/**
 * Generates Python modules from the public protos and validate.proto, and answers the directory to put on PYTHONPATH.
 * They are cached by the content of the protos. The other protos of others are left out on purpose: gRPC's own health
 * and reflection would become a package `grpc` that hides the real one, and the error details come with a package.
 */
export function generatePythonStubs(python: string): string {
  const files = protoFiles();
  const hash = createHash("sha256").update(readFileSync(requirements));
  for (const file of files)
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(root, file)));
  const target = join(cache, `stubs-${hash.digest("hex").slice(0, 16)}`);
  createOnce(target, (directory) => {
    const imports = ["-I", join(root, "proto/api"), "-I", join(root, "proto/vendor")];
    const outputs = [`--python_out=${directory}`, `--grpc_python_out=${directory}`];
    run(python, [
      "-m",
      "grpc_tools.protoc",
      ...imports,
      ...outputs,
      ...files.map((file) => join(root, file)),
    ]);
  });
  return target;
}

function protoFiles(): string[] {
  const patterns = ["proto/api/**/*.proto", "proto/vendor/buf/validate/*.proto"];
  return patterns.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted();
}

function environmentDirectory(): string {
  return join(
    cache,
    `environment-${createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 16)}`,
  );
}

function pythonIn(directory: string): string {
  return join(directory, "bin", "python");
}

/** Fills a directory of its own and renames it at the end, so that no half-made one is ever seen, by two runs at once either. */
function createOnce(target: string, fill: (directory: string) => void): void {
  if (existsSync(target)) return;
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(`${target}-`);
  try {
    fill(directory);
    if (!existsSync(target)) renameSync(directory, target);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(program: string, argv: readonly string[]): void {
  try {
    execFileSync(program, argv, { stdio: "pipe", timeout: pythonInstallMsMax, encoding: "utf8" });
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    throw new Error(`${relative(root, program)} ${argv.slice(0, 3).join(" ")} failed: ${output}`, {
      cause: error,
    });
  }
}
