import type { ConfigProblem, ConfigRow } from "./config-table.ts";
import { nearestName } from "./nearest-name.ts";

/** What a config file sets, by key, and what is wrong with it. */
export interface ConfigFileReading {
  readonly values: ReadonlyMap<string, unknown>;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads a config file: a JSON object whose nested objects spell the dots of the keys, so that
 * `{"public": {"port": 7080}}` and `{"public.port": 7080}` say the same.
 */
export function readConfigFile(
  rows: readonly ConfigRow[],
  file: { readonly path: string; readonly text: string } | undefined,
): ConfigFileReading {
  if (file === undefined) return { values: new Map(), problems: [] };
  let parsed: unknown;
  try {
    parsed = JSON.parse(file.text);
  } catch (error) {
    const message = `is not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
    return { values: new Map(), problems: [{ name: file.path, message }] };
  }
  if (!isObject(parsed)) {
    return { values: new Map(), problems: [{ name: file.path, message: "must hold a JSON object" }] };
  }
  const known = new Map(rows.map((row) => [row.key, row]));
  const values = new Map<string, unknown>();
  const problems: ConfigProblem[] = [];
  for (const [key, value] of flatten(parsed, "", known)) {
    const problem = keyProblem(key, known, values);
    if (problem === undefined) values.set(key, value);
    else problems.push({ name: `${key} in ${file.path}`, message: problem });
  }
  return { values, problems };
}

/** Pairs of key and value. An object below a known key is that key's value and is not taken apart. */
function* flatten(
  object: Readonly<Record<string, unknown>>,
  prefix: string,
  known: ReadonlyMap<string, ConfigRow>,
): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(object)) {
    const key = prefix + name;
    if (isObject(value) && !known.has(key)) yield* flatten(value, `${key}.`, known);
    else yield [key, value];
  }
}

function keyProblem(
  key: string,
  known: ReadonlyMap<string, ConfigRow>,
  values: ReadonlyMap<string, unknown>,
): string | undefined {
  const row = known.get(key);
  if (row === undefined) {
    const nearest = nearestName(key, known.keys());
    return nearest === undefined ? "is not known" : `is not known: did you mean ${nearest}?`;
  }
  if (row.entry.secret === true) {
    return `is a secret and does not belong in the config file: use ${row.environment} or ${row.environmentFile}`;
  }
  return values.has(key) ? "is set twice" : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
