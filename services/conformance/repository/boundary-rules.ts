import { posix } from "node:path";
import { maskSource } from "./masked-source.ts";
import { readImports, type SourceImport } from "./source-imports.ts";

/** Where each folder stands. A folder imports from lower levels only. */
const levels: Readonly<Record<string, number>> = {
  gen: 0,
  kernel: 0,
  history: 0,
  rpc: 1,
  sqlite: 1,
  mesh: 2,
  timer: 2,
  account: 3,
  social: 3,
  presence: 3,
  message: 3,
  voice: 3,
  drive: 3,
  session: 4,
  store: 5,
  node: 6,
  cli: 6,
};

/** Imports within a level that are meant. */
const siblings = new Set(["kernel > gen", "cli > node"]);

const protobuf = "@bufbuild/protobuf";
const connect = "@connectrpc/connect";
const connectNode = "@connectrpc/connect-node";
const grpc = "@grpc/grpc-js";

/** Packages each folder may import beside the protobuf runtime. */
const packages: Readonly<Record<string, readonly string[]>> = {
  gen: ["@bufbuild/protovalidate"],
  kernel: ["pino", "prom-client", "zod", "@opentelemetry/api"],
  rpc: [connect, connectNode, grpc, "@bufbuild/protovalidate", "@opentelemetry/api"],
  mesh: ["etcd3", grpc, "@peculiar/x509", "reflect-metadata"],
  account: ["jose", "@node-rs/argon2"],
  node: ["zod", connect],
  cli: ["commander", "zod", connect, connectNode],
  // mongodb: the order that kills a node just after its commit watches the driver.
  conformance: [
    connect,
    connectNode,
    grpc,
    "mongodb",
    "zod",
    "@bufbuild/protovalidate",
    "vitest",
    "fast-check",
  ],
  bench: [connect, connectNode, grpc, "ws", "vitest"],
  testkit: ["vitest", "fast-check"],
};

/** What any test may import beside that. */
const testPackages = ["vitest", "fast-check", "@bufbuild/protovalidate", connect, connectNode, grpc];

/** The program that black-box suites and benchmarks start. */
const command = "services/cli/parley.js";

/** Files that may import a module whose name they are given, with the reason. */
const computedImports: Readonly<Record<string, string>> = {
  "services/sqlite/load-procedures.ts": "a worker thread is told by URL which procedures of a store it runs",
};

/** Folders whose handlers may name the types of connect, in `*.rpc.ts` and `routes.ts`. */
const handlerLevels = new Set([3, 4]);

/** A test, or what only tests use: fixtures and the contract suites of ports. */
export function isTestCode(path: string): boolean {
  return /\.test\.ts$|(^|\/)fixtures\/|^services\/(testkit|conformance)\/|^services\/store\/contract\//.test(
    path,
  );
}

/** The folder that rules speak of: `services/rpc/x.ts` is in `rpc`, `gen/a.ts` in `gen`, `bench/b.ts` in `bench`. */
export function folderOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "services" ? second : top;
}

/** What is wrong with the imports of one file, a sentence each, with file and line. */
export function importViolations(path: string, text: string): string[] {
  const violations: string[] = [];
  for (const imported of readImports(maskSource(text))) {
    const problem = importProblem(path, imported);
    if (problem !== undefined) violations.push(`${path}:${imported.line} ${problem}`);
  }
  return violations;
}

function importProblem(path: string, imported: SourceImport): string | undefined {
  const { specifier } = imported;
  if (specifier === undefined) {
    return path in computedImports
      ? undefined
      : "imports a module whose name is computed, which nothing can check";
  }
  // Built-in modules have rules of their own.
  if (specifier.startsWith("node:")) return undefined;
  if (!specifier.startsWith(".")) return packageProblem(path, specifier, imported.typeOnly);
  return folderProblem(path, posix.join(posix.dirname(path), specifier), imported);
}

function folderProblem(path: string, target: string, imported: SourceImport): string | undefined {
  const [from, to] = [folderOf(path), folderOf(target)];
  if (from === to) return undefined;
  const refused = `${from} may not import ${to} (${target})`;
  if (to === "testkit") return isTestCode(path) ? undefined : `${refused}: it is for tests only`;
  if (from === "conformance" || from === "bench") {
    // What they start is the command itself, as a process; and histories are judged by the same checkers everywhere.
    if (target === command || to === "history") return undefined;
    return to === "gen" && !target.startsWith("gen/parley/mesh/")
      ? undefined
      : `${refused}: only the public contract`;
  }
  if (from === "testkit") return to in levels ? undefined : refused;
  const [fromLevel, toLevel] = [levels[from], levels[to]];
  if (fromLevel === undefined || toLevel === undefined) return `${refused}: it has no level`;
  // The real adapters stand in for mocks in the tests of whatever declares their ports.
  if (isTestCode(path) && to === "store") return undefined;
  if (from === "store") return storeProblem(path, target, imported);
  if (toLevel < fromLevel || siblings.has(`${from} > ${to}`)) return undefined;
  return `${refused}: level ${fromLevel} imports from lower levels only`;
}

/** Adapters point inwards: of the domains they know the ports, and of the ports the types. */
function storeProblem(path: string, target: string, imported: SourceImport): string | undefined {
  const to = folderOf(target);
  if (to === "gen" || to === "kernel" || to === "sqlite" || isTestCode(path)) return undefined;
  const isPort = (levels[to] ?? 0) >= 2 && target.endsWith("/ports.ts");
  if (!isPort) return `store may import only ports.ts from ${to}, not ${target}`;
  return imported.typeOnly ? undefined : `store may import only types from ${target}: write "import type"`;
}

function packageProblem(path: string, specifier: string, typeOnly: boolean): string | undefined {
  const folder = folderOf(path);
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const allowed = [protobuf, ...(packages[folder] ?? [])];
  if (allowed.includes(name)) return undefined;
  if (isTestCode(path) && testPackages.includes(name)) return undefined;
  if (name === "mongodb" && path.startsWith("services/store/mongo/")) return undefined;
  if (name === connect && handlerLevels.has(levels[folder] ?? -1)) {
    if (!/\.rpc\.ts$|\/routes\.ts$/.test(path)) return `${name} belongs in *.rpc.ts and routes.ts only`;
    return typeOnly ? undefined : `only types of ${name} may be imported here: write "import type"`;
  }
  return `${folder} may not import the package ${name}`;
}

/** What is wrong with the imports of one proto file, given its path below `proto/`. */
export function protoImportViolations(path: string, text: string): string[] {
  const violations: string[] = [];
  const isPublic = path.startsWith("api/");
  for (const match of text.matchAll(/^\s*import\s+(?:public\s+|weak\s+|option\s+)?"(?<imported>[^"]+)"/gm)) {
    const imported = match.groups?.["imported"] ?? "";
    if (isPublic && imported.startsWith("parley/mesh/")) {
      violations.push(`${path}: the public contract may not import ${imported}, which is between nodes`);
    } else if (path.startsWith("vendor/") && imported.startsWith("parley/")) {
      violations.push(`${path}: a vendored file may not import ${imported}`);
    } else if (
      !/^(parley|google\/protobuf|google\/rpc|buf\/validate)\//.test(imported) &&
      !path.startsWith("vendor/")
    ) {
      violations.push(`${path}: ${imported} is neither ours nor vendored for us`);
    }
  }
  return violations;
}
