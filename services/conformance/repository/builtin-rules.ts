import { isTestCode } from "./boundary-rules.ts";
import { lineAt, type MaskedSource, maskSource } from "./masked-source.ts";
import { readImports } from "./source-imports.ts";

/** Built-in modules that compute and touch nothing outside. Randomness from node:crypto is a rule of its own. */
const pureModules = new Set([
  "node:async_hooks",
  "node:buffer",
  "node:crypto",
  "node:events",
  "node:path",
  "node:stream",
  "node:stream/promises",
  "node:url",
  "node:util",
]);

/** A kind of access to the world, who may have it, and how it shows in code and in imports. */
interface Access {
  readonly what: string;
  readonly instead: string;
  readonly allowed: RegExp;
  readonly code: RegExp;
  readonly modules: readonly string[];
}

const adapters = /^services\/(kernel\/system-|rpc\/|sqlite\/|node\/|cli\/)|^bench\//;

const accesses: readonly Access[] = [
  {
    what: "the time",
    instead: "a Clock",
    allowed: adapters,
    code: /(?<![\w.$])(?:Date\s*\.\s*now\b|new\s+Date\b\s*(?:\(\s*\)|(?!\s*\())|(?<!new\s)Date\s*\(|performance\s*\.\s*now\b)/g,
    modules: ["node:perf_hooks"],
  },
  {
    what: "timers",
    instead: "a Clock",
    allowed: adapters,
    code: /(?<![\w.$#])(?:globalThis\s*\.\s*)?(?:setTimeout|setInterval|setImmediate)\b|AbortSignal\s*\.\s*timeout\b/g,
    modules: ["node:timers", "node:timers/promises"],
  },
  {
    what: "randomness",
    instead: "an Rng",
    allowed: adapters,
    code: /(?<![\w$])(?:Math\s*\.\s*random\b|randomUUID\b|randomBytes\b|randomInt\b|randomFill(?:Sync)?\b|getRandomValues\b)/g,
    modules: [],
  },
  {
    what: "sockets",
    instead: "services/rpc",
    allowed: /^services\/(rpc|node|cli)\/|^bench\//,
    code: /(?<![\w.$])(?:fetch|WebSocket)\s*\(/g,
    modules: ["net", "tls", "http", "https", "http2", "dgram", "dns", "dns/promises"].map(
      (name) => `node:${name}`,
    ),
  },
  {
    what: "files",
    instead: "a port whose adapter node wires",
    allowed: /^services\/(sqlite|store|node|cli)\/|^bench\//,
    code: /(?!)/g,
    modules: ["node:fs", "node:fs/promises", "node:readline", "node:readline/promises"],
  },
  {
    what: "the process",
    instead: "values that node passes in",
    allowed: /^services\/(sqlite|node|cli)\/|^bench\//,
    code: /(?<![\w.$])process\s*\.\s*(?!nextTick\b)/g,
    modules: ["node:process", "node:os", "node:child_process", "node:cluster", "node:worker_threads"],
  },
  {
    what: "SQLite",
    instead: "services/sqlite",
    allowed: /^services\/sqlite\/|^bench\//,
    code: /(?!)/g,
    modules: ["node:sqlite"],
  },
  {
    what: "the console",
    instead: "a Logger",
    allowed: /^services\/cli\/|^bench\//,
    code: /(?<![\w.$])console\s*\./g,
    modules: [],
  },
];

/** Where one file reaches around the kernel's interfaces, a sentence each. Tests may reach for anything. */
export function builtinViolations(path: string, text: string): string[] {
  if (isTestCode(path)) return [];
  const source = maskSource(text);
  return [
    ...accesses
      .filter((access) => !access.allowed.test(path))
      .flatMap((access) => accessViolations(path, source, access)),
    ...unknownModules(path, source),
  ];
}

function accessViolations(path: string, source: MaskedSource, access: Access): string[] {
  const lines = new Set<number>();
  for (const match of source.code.matchAll(access.code)) lines.add(lineAt(source.code, match.index) + 1);
  for (const imported of readImports(source)) {
    if (access.modules.includes(imported.specifier ?? "") && !imported.typeOnly) lines.add(imported.line);
  }
  return [...lines].map((line) => `${path}:${line} reaches for ${access.what}: use ${access.instead}`);
}

/** A built-in module that no rule above speaks of, or one without its prefix, which would escape them. */
function unknownModules(path: string, source: MaskedSource): string[] {
  const spokenOf = new Set([...pureModules, ...accesses.flatMap((access) => access.modules)]);
  const bare = new Set([...spokenOf].map((name) => name.replace("node:", "")));
  return readImports(source).flatMap(({ specifier = "", line, typeOnly }) => {
    if (bare.has(specifier)) return [`${path}:${line} imports ${specifier}: write node:${specifier}`];
    const unknown = specifier.startsWith("node:") && !spokenOf.has(specifier) && !typeOnly;
    return unknown
      ? [`${path}:${line} imports ${specifier}, which no rule knows: decide who may and say so`]
      : [];
  });
}
