import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { etcd, ferretdb, type GoTool, goToolDirectory } from "../testkit/go-tools.ts";
import { type DeclareSuite, suiteWithout } from "../testkit/suite-plan.ts";
import { goExampleProgram } from "./go-example.ts";
import { grpcurl } from "./go-tools.ts";
import { pythonReady } from "./python-environment.ts";

/** A tool that is no program on the PATH but has to be prepared: the cached Python with gRPC. */
export const pythonGrpc = "python-grpc";

/** The client of `examples/go`, which has to be built. */
export const goExample = "go-example";

/** Tools that were built for the tests. */
const built: readonly GoTool[] = [grpcurl, ferretdb, etcd];

/** Whether this machine has a tool: a program on the PATH, `pythonGrpc`, `goExample`, or one that was built for the tests. */
export function toolAvailable(name: string): boolean {
  if (name === pythonGrpc) return pythonReady() !== undefined;
  if (name === goExample) return goExampleProgram() !== undefined;
  const tool = built.find((one) => one.name === name);
  if (tool !== undefined) return goToolDirectory(tool) !== undefined;
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  return directories.some((directory) => isExecutable(join(directory, name)));
}

/**
 * Answers a `describe` for suites that need tools. When one is missing the suite is skipped under a name that says
 * which; with CI=true it fails instead.
 */
export function suiteNeeds(tools: readonly string[]): DeclareSuite {
  return suiteWithout(tools.filter((tool) => !toolAvailable(tool)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
