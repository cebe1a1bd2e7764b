import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { loadFlags } from "../harness/load-flags.ts";
import { startParley } from "../harness/parley-process.ts";
import { generatePythonStubs, pythonReady } from "../python-environment.ts";
import { pythonGrpc, suiteNeeds } from "../tools.ts";

const client = fileURLToPath(new URL("python_client.py", import.meta.url));

suiteNeeds([pythonGrpc])("a Python client generated from the protos", () => {
  test("registers, attaches, sends, acknowledges, and after a drop gets exactly what it missed", {
    timeout: 60_000,
  }, async () => {
    await using node = await startParley({ flags: loadFlags });
    const python = pythonReady() ?? "";
    const { stdout } = await promisify(execFile)(python, [client, new URL(node.publicUrl).host], {
      env: { PYTHONPATH: generatePythonStubs(python) },
      timeout: 50_000,
    });
    expect(JSON.parse(stdout)).toEqual({
      own: [[1, "one"]],
      committed: 1,
      unacknowledged: [[2, "two"]],
      missed: [
        [2, "two"],
        [3, "three"],
        [4, "four"],
      ],
      generations: [1, 2],
      badRequest: "INVALID_ARGUMENT INVALID_FIELD",
      noToken: "UNAUTHENTICATED TOKEN_MISSING",
    });
  });
});
