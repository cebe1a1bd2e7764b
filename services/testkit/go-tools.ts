import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The longest that building one tool may take, in milliseconds; the largest takes 80 s on two busy cores. */
export const goBuildMsMax = 300_000;

/** A command in Go that suites use, pinned by a go.mod and go.sum of its own. */
export interface GoTool {
  /** Name of the program. */
  readonly name: string;
  /** Path of the package to build; "." is a program of ours, `main.go` beside the go.mod. */
  readonly packagePath: string;
  /** The directory of its go.mod, with a slash at the end. */
  readonly module: URL;
}

/** A server that speaks MongoDB's protocol, see mongo-server.ts. */
export const ferretdb: GoTool = {
  name: "ferretdb",
  packagePath: ".",
  module: new URL("./go/ferretdb/", import.meta.url),
};

/** etcd, see etcd-server.ts. */
export const etcd: GoTool = {
  name: "etcd",
  packagePath: ".",
  module: new URL("./go/etcd/", import.meta.url),
};

const cache = fileURLToPath(new URL("../../.cache/go/", import.meta.url));

/** The directory that holds the built program, if it was built from its sources as they stand. */
export function goToolDirectory(tool: GoTool): string | undefined {
  const directory = builtDirectory(tool);
  return existsSync(join(directory, tool.name)) ? directory : undefined;
}

/**
 * Builds a tool unless it is there, and answers the directory to put on the PATH. The first time needs the Go module
 * proxy. Throws, with Go's own words, when it cannot be built.
 */
export function buildGoTool(tool: GoTool): string {
  const target = builtDirectory(tool);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(`${target}-`);
  try {
    execFileSync("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", `${draft}/`, tool.packagePath], {
      cwd: fileURLToPath(tool.module),
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -buildvcs=false" },
      stdio: "pipe",
      timeout: goBuildMsMax,
      encoding: "utf8",
    });
    if (!existsSync(target)) renameSync(draft, target);
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    throw new Error(`go build of ${tool.name} failed: ${output}`, { cause: error });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return target;
}

function builtDirectory(tool: GoTool): string {
  const hash = createHash("sha256");
  for (const file of tool.packagePath === "." ? ["go.sum", "main.go"] : ["go.sum"]) {
    hash.update(readFileSync(new URL(file, tool.module)));
  }
  return join(cache, `${tool.name}-${hash.digest("hex").slice(0, 16)}`);
}
