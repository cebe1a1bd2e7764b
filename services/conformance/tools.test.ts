import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildGoTool, goToolDirectory } from "../testkit/go-tools.ts";
import { grpcurl } from "./go-tools.ts";
import { generatePythonStubs, pythonReady } from "./python-environment.ts";
import { pythonGrpc, suiteNeeds, toolAvailable } from "./tools.ts";

describe("toolAvailable", () => {
  test("finds programs on the PATH and no others", () => {
    expect(toolAvailable("node")).toBe(true);
    expect(toolAvailable("no-such-program-anywhere")).toBe(false);
  });
});

suiteNeeds(["node"])("suiteNeeds", () => {
  test("runs a suite whose tools are there", () => {
    expect(suiteNeeds([])).toBeTypeOf("function");
  });
});

suiteNeeds([pythonGrpc])("the Python environment", () => {
  test("imports the stubs of our services and the real grpc beside them", { timeout: 60_000 }, () => {
    const python = pythonReady() ?? "";
    const stubs = generatePythonStubs(python);
    expect(existsSync(join(stubs, "parley/account/v1/account_service_pb2_grpc.py"))).toBe(true);
    const program = [
      "import grpc",
      "from google.protobuf import timestamp_pb2",
      "from google.rpc import error_details_pb2",
      "from parley.account.v1 import account_service_pb2_grpc",
      "from parley.session.v1 import session_service_pb2",
      "print(grpc.__version__, account_service_pb2_grpc.AccountServiceStub.__name__)",
    ];
    const output = execFileSync(python, ["-c", program.join("\n")], {
      env: { PYTHONPATH: stubs },
      encoding: "utf8",
    });
    expect(output).toMatch(/^1\.\d+\.\d+ AccountServiceStub\n$/);
  });

  test("generating again uses what is cached", () => {
    const python = pythonReady() ?? "";
    expect(generatePythonStubs("no-such-python")).toBe(generatePythonStubs(python));
  });
});

suiteNeeds([grpcurl.name])("grpcurl", () => {
  test("runs, and is not built again while its go.sum stands", () => {
    const directory = buildGoTool(grpcurl);
    expect(directory).toBe(goToolDirectory(grpcurl));
    expect(execFileSync(join(directory, "grpcurl"), ["-help"], { encoding: "utf8", stdio: "pipe" })).toBe("");
  });
});
