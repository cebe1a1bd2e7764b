import type { z } from "zod";
import { readConfigFile } from "./config-file.ts";
import {
  type ConfigProblem,
  type ConfigRow,
  type ConfigTable,
  type ConfigValues,
  environmentPrefix,
  flagName,
} from "./config-table.ts";
import { readConfigText } from "./config-text.ts";
import { nearestName } from "./nearest-name.ts";

/** Where a value came from. `unset`: nobody set it and it may be missing. */
export type ConfigSource =
  | "flag"
  | "environment"
  | "secret file"
  | "file"
  | "default"
  | "dev default"
  | "unset";

/** What a flag may be: its text, its presence, or the texts of a repeated one. */
export type FlagValue = string | boolean | number | readonly string[] | undefined;

/** Everything that configuration is made from. */
export interface ConfigInput {
  /** By flag name or by commander's camelCase attribute. Only flags of the table. */
  readonly flags?: Readonly<Record<string, FlagValue>>;
  /** The environment; names without the prefix are ignored. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The config file: its path, for errors, and its JSON text. */
  readonly file?: { readonly path: string; readonly text: string };
  /** Whether defaults for dev hold. */
  readonly dev?: boolean;
  /** Reads the file that a `…_FILE` variable names; throws when it cannot. */
  readonly readSecretFile?: (path: string) => string;
}

/** Valid values, and where each came from. */
export interface Config<S extends Record<string, z.ZodType>> {
  readonly values: ConfigValues<S>;
  readonly sources: { readonly [K in keyof S]: ConfigSource };
}

/** Configuration, or everything that is wrong with it. */
export type ConfigResult<S extends Record<string, z.ZodType>> =
  | { readonly ok: true; readonly config: Config<S> }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** A raw value with its origin, before validation. */
interface Candidate {
  readonly value: unknown;
  readonly source: ConfigSource;
  readonly name: string;
}

/**
 * Puts configuration together: a flag before the environment before the file before the default. Names that
 * nobody knows are problems, as are secrets in flags or in the config file. All problems are reported at once.
 */
export function parseConfig<S extends Record<string, z.ZodType>>(
  table: ConfigTable<S>,
  input: ConfigInput,
): ConfigResult<S> {
  const file = readConfigFile(table.rows, input.file);
  const problems = [...file.problems, ...unknownEnvironment(table, input), ...unknownFlags(table, input)];
  const values: Record<string, unknown> = {};
  const sources: Record<string, ConfigSource> = {};
  for (const row of table.rows) {
    const candidate = findCandidate(row, input, file.values);
    const checked = "message" in candidate ? candidate : checkCandidate(row, candidate, input.dev === true);
    if ("message" in checked) problems.push(checked);
    else {
      values[row.key] = checked.value;
      sources[row.key] = checked.source;
    }
  }
  const config = { values, sources };
  if (problems.length > 0 || !isComplete(table, config)) return { ok: false, problems };
  for (const relation of table.relations) {
    const message = relation(config.values);
    if (message !== undefined) problems.push({ name: "configuration", message });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

/** Each value passed the schema of its own key, so that all keys present means all types right. */
function isComplete<S extends Record<string, z.ZodType>, C extends { readonly sources: object }>(
  table: ConfigTable<S>,
  config: C,
): config is C & Config<S> {
  return table.rows.every((row) => row.key in config.sources);
}

function findCandidate(
  row: ConfigRow,
  input: ConfigInput,
  file: ReadonlyMap<string, unknown>,
): Candidate | ConfigProblem {
  const flag = row.flag === undefined ? undefined : flagValue(input, row.flag);
  if (row.flag !== undefined && flag !== undefined) return fromText(row, flag, "flag", `--${row.flag}`);
  const text = input.environment?.[row.environment];
  const path = row.environmentFile === undefined ? undefined : input.environment?.[row.environmentFile];
  if (row.environmentFile !== undefined && path !== undefined) {
    if (text !== undefined) {
      return { name: row.environmentFile, message: `is set, and so is ${row.environment}: set one of them` };
    }
    return fromSecretFile(row, row.environmentFile, path, input);
  }
  if (text !== undefined) return fromText(row, text, "environment", row.environment);
  if (file.has(row.key)) return { value: file.get(row.key), source: "file", name: row.key };
  return fromDefault(row, input.dev === true);
}

function flagValue(input: ConfigInput, flag: string): FlagValue {
  for (const [name, value] of Object.entries(input.flags ?? {})) if (flagName(name) === flag) return value;
  return undefined;
}

function fromText(
  row: ConfigRow,
  given: NonNullable<FlagValue>,
  source: ConfigSource,
  name: string,
): Candidate | ConfigProblem {
  const text = Array.isArray(given) ? given.join(",") : String(given);
  const reading = readConfigText(row.entry.type, text);
  if (reading.ok) return { value: reading.value, source, name };
  return { name, message: `must be ${reading.expected}${shown(row, text)}` };
}

function fromSecretFile(
  row: ConfigRow,
  name: string,
  path: string,
  input: ConfigInput,
): Candidate | ConfigProblem {
  if (input.readSecretFile === undefined) return { name, message: "files of secrets cannot be read here" };
  try {
    // Editors and `echo` end a file with a newline, which is never meant to be part of a secret.
    return fromText(row, input.readSecretFile(path).replace(/\r?\n$/, ""), "secret file", name);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, message: `cannot read ${path}: ${reason}` };
  }
}

function fromDefault(row: ConfigRow, dev: boolean): Candidate {
  if (dev && row.entry.devDefault !== undefined) {
    return { value: row.entry.devDefault, source: "dev default", name: row.key };
  }
  if (row.entry.default !== undefined) return { value: row.entry.default, source: "default", name: row.key };
  return { value: undefined, source: "unset", name: row.key };
}

function checkCandidate(row: ConfigRow, candidate: Candidate, dev: boolean): Candidate | ConfigProblem {
  const parsed = row.entry.type.safeParse(candidate.value);
  if (!parsed.success && candidate.source === "unset") {
    return { name: row.key, message: `must be set: ${waysToSet(row)}` };
  }
  if (!parsed.success) {
    const messages = parsed.error.issues.map((issue) => issue.message).join("; ");
    return { name: candidate.name, message: messages + shown(row, candidate.value) };
  }
  // The value is in the source code, so it protects nobody; the reference and the tests may use it, no one else.
  if (
    row.entry.secret === true &&
    !dev &&
    candidate.source !== "unset" &&
    candidate.value === row.entry.devDefault
  ) {
    return { name: candidate.name, message: "is the published default of dev: choose a secret of your own" };
  }
  return { ...candidate, value: parsed.data };
}

function waysToSet(row: ConfigRow): string {
  if (row.flag === undefined) return `${row.environment}, or ${row.environmentFile} with the path of a file`;
  return `--${row.flag}, ${row.environment}, or "${row.key}" in the config file`;
}

/** The offending value, unless it is secret. */
function shown(row: ConfigRow, value: unknown): string {
  return row.entry.secret === true ? "" : ` (it is ${JSON.stringify(value)})`;
}

function unknownEnvironment<S extends Record<string, z.ZodType>>(
  table: ConfigTable<S>,
  input: ConfigInput,
): ConfigProblem[] {
  const known = new Set([...table.rows.flatMap(environmentNames), ...table.otherEnvironment]);
  return Object.entries(input.environment ?? {})
    .filter(([name, value]) => name.startsWith(environmentPrefix) && value !== undefined && !known.has(name))
    .map(([name]) => unknownName(name, "", known));
}

function unknownFlags<S extends Record<string, z.ZodType>>(
  table: ConfigTable<S>,
  input: ConfigInput,
): ConfigProblem[] {
  const secrets = new Map(
    table.rows.filter((row) => row.flag === undefined).map((row) => [flagName(row.key), row]),
  );
  const known = new Set(table.rows.flatMap((row) => row.flag ?? []));
  const problems: ConfigProblem[] = [];
  for (const [given, value] of Object.entries(input.flags ?? {})) {
    const flag = flagName(given);
    if (value === undefined || known.has(flag)) continue;
    const secret = secrets.get(flag);
    if (secret === undefined) problems.push(unknownName(flag, "--", known));
    else
      problems.push({
        name: `--${flag}`,
        message: `is a secret, and flags show in lists of processes: use ${waysToSet(secret)}`,
      });
  }
  return problems;
}

function environmentNames(row: ConfigRow): string[] {
  return row.environmentFile === undefined ? [row.environment] : [row.environment, row.environmentFile];
}

function unknownName(name: string, prefix: string, known: Iterable<string>): ConfigProblem {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? "" : `: did you mean ${prefix}${nearest}?`;
  return { name: prefix + name, message: `is not known${hint}` };
}
