import { buildGoTool, etcd, ferretdb } from "../testkit/go-tools.ts";
import { aptGetCommand, debianPrograms, installDebianPackages } from "./debian-packages.ts";
import { buildGoExample } from "./go-example.ts";
import { grpcurl } from "./go-tools.ts";
import { createPythonEnvironment } from "./python-environment.ts";
import { goExample, pythonGrpc, toolAvailable } from "./tools.ts";

/**
 * Runs once before all tests: creates what suites need and the repository does not hold. What cannot be created
 * is no failure here; the suites that need it are skipped by name, or fail with CI=true.
 */
export default function prepare(): void {
  const missing = debianPrograms().filter(({ program }) => !toolAvailable(program));
  const aptGet = aptGetCommand({
    aptGet: toolAvailable("apt-get"),
    root: process.getuid?.() === 0,
    sudo: toolAvailable("sudo"),
    ci: process.env["CI"] === "true",
  });
  if (missing.length > 0 && aptGet !== undefined) {
    const names = missing.map(({ packageName }) => packageName);
    createOnce(`the Debian packages ${names.join(", ")}`, () => installDebianPackages(aptGet, names));
  }
  if (!toolAvailable(pythonGrpc) && toolAvailable("python3")) {
    createOnce("a Python environment in .cache/python", createPythonEnvironment);
  }
  for (const tool of toolAvailable("go") ? [grpcurl, ferretdb, etcd] : []) {
    if (!toolAvailable(tool.name)) createOnce(`${tool.name} in .cache/go`, () => buildGoTool(tool));
  }
  if (toolAvailable("go") && !toolAvailable(goExample)) {
    createOnce("the client of examples/go in .cache/go", buildGoExample);
  }
}

function createOnce(what: string, createIt: () => void): void {
  process.stdout.write(`preparing ${what}; this happens once\n`);
  try {
    createIt();
  } catch (error) {
    process.stdout.write(`without it: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
