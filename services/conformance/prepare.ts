import { createPythonEnvironment } from "./python-environment.ts";
import { pythonGrpc, toolAvailable } from "./tools.ts";

/**
 * Runs once before all tests: creates what suites need and the repository does not hold. What cannot be created
 * is no failure here; the suites that need it are skipped by name, or fail with CI=true.
 */
export default function prepare(): void {
  if (toolAvailable(pythonGrpc) || !toolAvailable("python3")) return;
  process.stdout.write("preparing a Python environment in .cache/python; this happens once\n");
  try {
    createPythonEnvironment();
  } catch (error) {
    process.stdout.write(`without it: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
