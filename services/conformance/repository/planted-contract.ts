import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FileRegistry } from "@bufbuild/protobuf";
import { readContract } from "./contract-image.ts";
import { repositoryRoot } from "./source-files.ts";

/** Compiles a proto file planted by a test, as package `parley.planted.v1`, beside the vendored ones and ours. */
export function plantContract(body: string): FileRegistry {
  const directory = mkdtempSync(join(tmpdir(), "parley-contract-"));
  try {
    const path = join(directory, "planted/parley/planted/v1/planted.proto");
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(`${repositoryRoot}proto`, join(directory, "proto"));
    writeFileSync(path, `${head}${body}`);
    writeFileSync(
      join(directory, "buf.yaml"),
      "version: v2\nmodules:\n  - path: planted\n  - path: proto/api\n  - path: proto/vendor\n",
    );
    const buf = `${repositoryRoot}node_modules/.bin/buf`;
    return readContract(
      execFileSync(buf, ["build", "-o", "-"], { cwd: directory, maxBuffer: 2 ** 28, timeout: 60_000 }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const head = `syntax = "proto3";
package parley.planted.v1;
import "buf/validate/validate.proto";
import "google/protobuf/duration.proto";
import "parley/error/v1/error_reason.proto";
import "parley/policy/v1/policy.proto";
`;
