import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The longest that building one tool may take, in milliseconds; a cold build of grpcurl is 40 s on two cores. */
export const goBuildMsMax = 300_000;

/** A command in Go that suites use, pinned by a go.mod and go.sum of its own. */
export interface GoTool {
  /** Name of the program, and of its folder beside this file. */
  readonly name: string;
  /** Path of the package to build. */
  readonly packagePath: string;
}

/** The gRPC command line client that proto/README.md uses. */
export const grpcurl: GoTool = {
  name: "grpcurl",
  packagePath: "github.com/fullstorydev/grpcurl/cmd/grpcurl",
};

const root = fileURLToPath(new URL("../../", import.meta.url));
const cache = join(root, ".cache", "go");

/** The directory that holds the built program, if it was built from its go.sum as it stands. */
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
      cwd: moduleDirectory(tool),
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly -buildvcs=false" },
      stdio: "pipe",
      timeout: goBuildMsMax,
      encoding: "utf8",
    });
    if (!existsSync(target)) renameSync(draft, target);
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    throw new Error(`go build ${tool.packagePath} failed: ${output}`, { cause: error });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return target;
}

function moduleDirectory(tool: GoTool): string {
  return fileURLToPath(new URL(`go/${tool.name}/`, import.meta.url));
}

function builtDirectory(tool: GoTool): string {
  const hash = createHash("sha256").update(readFileSync(join(moduleDirectory(tool), "go.sum")));
  return join(cache, `${tool.name}-${hash.digest("hex").slice(0, 16)}`);
}
