import { describe, expect, test } from "vitest";
import { importViolations, protoImportViolations } from "./boundary-rules.ts";
import { builtinViolations } from "./builtin-rules.ts";
import { moduleStateViolations } from "./module-state.ts";
import { readSources } from "./source-files.ts";

const sources = readSources("services/**/*.ts", "bench/**/*.ts", "gen/**/*.ts");
const own = sources.filter((source) => !source.path.startsWith("gen/"));

describe("the repository", () => {
  test("every folder imports only what stands below it, and only its own packages", () => {
    expect(sources.flatMap(({ path, text }) => importViolations(path, text))).toEqual([]);
  });

  test("time, timers, randomness, sockets and files are used in adapters only", () => {
    expect(own.flatMap(({ path, text }) => builtinViolations(path, text))).toEqual([]);
  });

  test("no module has state of its own", () => {
    expect(own.flatMap(({ path, text }) => moduleStateViolations(path, text))).toEqual([]);
  });

  test("public protos import no protos of the mesh", () => {
    const protos = readSources("proto/**/*.proto");
    const violations = protos.flatMap(({ path, text }) =>
      protoImportViolations(path.slice("proto/".length), text),
    );
    expect(violations).toEqual([]);
  });
});

describe("importViolations", () => {
  test.each([
    ["services/kernel/a.ts", 'import { x } from "../rpc/b.ts";', "kernel may not import rpc"],
    [
      "services/message/a.ts",
      'import type { x } from "../account/ports.ts";',
      "message may not import account",
    ],
    ["services/mesh/a.ts", 'export * from "../message/b.ts";', "mesh may not import message"],
    ["services/message/a.ts", 'const x = await import("../session/b.ts");', "message may not import session"],
    [
      "services/message/a.ts",
      'new URL("../session/w.ts", import.meta.url)',
      "message may not import session",
    ],
    ["services/message/a.ts", "await import(name)", "computed"],
    ["services/message/a.ts", 'import { c } from "../testkit/fake-clock.ts";', "tests only"],
    ["services/session/a.ts", 'import "../store/memory/b.ts";', "session may not import store"],
    ["services/store/sqlite/a.ts", 'import type { x } from "../../message/b.ts";', "only ports.ts"],
    ["services/store/sqlite/a.ts", 'import { x } from "../../message/ports.ts";', "import type"],
    ["services/store/sqlite/a.ts", 'import { x } from "../../rpc/b.ts";', "only ports.ts"],
    ["services/conformance/a.test.ts", 'import { x } from "../kernel/b.ts";', "public contract"],
    [
      "services/conformance/a.ts",
      'import { x } from "../../gen/parley/mesh/v1/link_pb.ts";',
      "public contract",
    ],
    ["bench/a.ts", 'import { x } from "../services/rpc/b.ts";', "public contract"],
    ["services/node/a.ts", 'import { x } from "../cli/b.ts";', "node may not import cli"],
    ["services/odd/a.ts", 'import { x } from "../kernel/b.ts";', "no level"],
    ["services/kernel/a.ts", 'import mongodb from "mongodb";', "the package mongodb"],
    ["services/store/sqlite/a.ts", 'import mongodb from "mongodb";', "the package mongodb"],
    ["services/message/a.ts", 'import type { x } from "@connectrpc/connect";', "*.rpc.ts and routes.ts only"],
    ["services/message/a.rpc.ts", 'import { x } from "@connectrpc/connect";', "import type"],
    ["services/message/a.ts", 'import { test } from "vitest";', "the package vitest"],
    [
      "services/message/a.ts",
      'import {\n  x,\n  y,\n} from "@grpc/grpc-js/build/x.js";',
      "the package @grpc/grpc-js",
    ],
  ])("refuses in %s: %s", (path, text, problem) => {
    const violations = importViolations(path, text);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(`${path}:1 `);
    expect(violations[0]).toContain(problem);
  });

  test.each([
    ["services/kernel/a.ts", 'import { E } from "../../gen/parley/error/v1/e_pb.ts";'],
    ["services/session/a.ts", 'import { x } from "../message/b.ts"; import "./c.ts";'],
    ["services/message/a.rpc.ts", 'import type { HandlerContext } from "@connectrpc/connect";'],
    [
      "services/message/a.test.ts",
      'import { x } from "../store/memory/b.ts"; import { test } from "vitest";',
    ],
    [
      "services/store/mongo/a.ts",
      'import type { x } from "../../message/ports.ts"; import { M } from "mongodb";',
    ],
    ["services/cli/a.ts", 'import { startNode } from "../node/start.ts"; import "commander";'],
    ["services/conformance/a.test.ts", 'import { x } from "../../gen/parley/account/v1/a_pb.ts";'],
    [
      "services/message/a.ts",
      '// import { x } from "../session/b.ts";\nconst s = \'import "../session/b.ts"\';',
    ],
  ])("allows in %s: %s", (path, text) => {
    expect(importViolations(path, text)).toEqual([]);
  });
});

describe("builtinViolations", () => {
  test.each([
    ["const t = Date.now();", "the time"],
    ["const t = new Date();", "the time"],
    ["const t = new Date;", "the time"],
    ["const t = performance.now();", "the time"],
    ["setTimeout(f, 1);", "timers"],
    ["globalThis.setInterval(f, 1);", "timers"],
    ["const later = setImmediate;", "timers"],
    ["const s = AbortSignal.timeout(5);", "timers"],
    ['import { setTimeout as wait } from "node:timers/promises";', "timers"],
    ["const r = Math.random();", "randomness"],
    ['import { randomUUID } from "node:crypto";', "randomness"],
    ["crypto.getRandomValues(b);", "randomness"],
    ['import { connect } from "node:net";', "sockets"],
    ["await fetch(url);", "sockets"],
    ['import { readFileSync } from "node:fs";', "files"],
    ["const e = process.env;", "the process"],
    ['import { Worker } from "node:worker_threads";', "the process"],
    ['import { DatabaseSync } from "node:sqlite";', "SQLite"],
    ["console.log(1);", "the console"],
    ['import vm from "node:vm";', "no rule knows"],
    ['import fs from "fs";', "write node:fs"],
  ])("refuses in a domain: %s", (text, problem) => {
    const violations = builtinViolations("services/message/a.ts", text);
    expect(violations.join("\n")).toContain(problem);
  });

  test("allows conversions, hashing, types and the kernel's own names", () => {
    const text = [
      'import { createHash } from "node:crypto";',
      'import type { Server } from "node:http";',
      "const d = new Date(clock.wallMs());",
      "clock.setTimeout; Date.UTC(2026, 1); rng.fraction(); // Date.now()",
      'const s = "Math.random()";',
    ].join("\n");
    expect(builtinViolations("services/message/a.ts", text)).toEqual([]);
  });

  test("adapters may reach for what they adapt, and tests for anything", () => {
    expect(builtinViolations("services/kernel/system-clock.ts", "Date.now(); setTimeout(f, 1);")).toEqual([]);
    expect(builtinViolations("services/sqlite/a.ts", 'import { DatabaseSync } from "node:sqlite";')).toEqual(
      [],
    );
    expect(builtinViolations("services/message/a.test.ts", "Date.now();")).toEqual([]);
    expect(builtinViolations("services/rpc/a.ts", 'import fs from "node:fs";')).toHaveLength(1);
  });
});

describe("moduleStateViolations", () => {
  test.each([
    ["let count = 0;", "can change"],
    ["export let count = 0;", "can change"],
    ["const cache = new Map<string, Map<string, number>>();", "empty collection"],
    ["export const seen = new WeakSet();", "empty collection"],
    ["const log: string[] = [];", "empty list"],
    ["class A {\n  static count = 0;\n}", "static field"],
  ])("refuses: %s", (text, problem) => {
    expect(moduleStateViolations("services/message/a.ts", text).join("\n")).toContain(problem);
  });

  test("allows constants, tables with contents, and whatever functions and instances keep", () => {
    const text = [
      'const known = new Set(["a"]);',
      "const none: readonly string[] = [];",
      "const nobody: ReadonlySet<string> = new Set();",
      "function f() {\n  let x = 1;\n  const seen = new Set();\n}",
      "class A {\n  static readonly limit = 1;\n  static create(): A {}\n  #seen = new Map();\n}",
    ].join("\n");
    expect(moduleStateViolations("services/message/a.ts", text)).toEqual([]);
  });
});

describe("protoImportViolations", () => {
  test.each([
    ["api/parley/session/v1/a.proto", "parley/mesh/v1/link.proto", "between nodes"],
    ["vendor/google/rpc/a.proto", "parley/error/v1/a.proto", "vendored file"],
    ["api/parley/session/v1/a.proto", "google/api/annotations.proto", "neither ours"],
  ])("refuses in %s an import of %s", (path, imported, problem) => {
    expect(protoImportViolations(path, `syntax = "proto3";\nimport "${imported}";`).join("\n")).toContain(
      problem,
    );
  });

  test("allows the mesh to import the public contract", () => {
    expect(
      protoImportViolations("mesh/parley/mesh/v1/a.proto", 'import "parley/message/v1/entry.proto";'),
    ).toEqual([]);
  });
});
