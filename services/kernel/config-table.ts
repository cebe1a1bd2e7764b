import { z } from "zod";

/** Every variable of the environment that starts with this belongs to Parley. */
export const environmentPrefix = "PARLEY_";

/** One setting. Everything that is said about it anywhere comes from here. */
export interface ConfigEntry<T extends z.ZodType = z.ZodType> {
  /** Type and limits; limits of zod (`min`, `max`, `enum`, …) appear in errors and in the reference. */
  readonly type: T;
  /** A sentence or two for the reference page and for `--help`. */
  readonly description: string;
  /** Used when nobody sets it. Without one, a setting must be set, unless its type is optional. */
  readonly default?: z.input<T>;
  /**
   * Used instead of `default` in dev. For a secret it is refused elsewhere even when somebody sets it,
   * because everybody can read it here.
   */
  readonly devDefault?: z.input<T>;
  /** Unit of a number: "ms", "bytes", "per second". */
  readonly unit?: string;
  /** Limits in words, where the type cannot say them. */
  readonly limits?: string;
  /** Comes from the environment or from the file that `…_FILE` names, never from a flag; is never shown. */
  readonly secret?: boolean;
}

/** The settings, by key; written by whoever builds a table. */
export type ConfigEntries<S extends Record<string, z.ZodType>> = {
  readonly [K in keyof S]: ConfigEntry<S[K]>;
};

/** The values after parsing, by key. */
export type ConfigValues<S extends Record<string, z.ZodType>> = { readonly [K in keyof S]: z.output<S[K]> };

/** A relation between settings: what is wrong with these values, in a sentence, or undefined. */
export type ConfigRelation<S extends Record<string, z.ZodType>> = (
  values: ConfigValues<S>,
) => string | undefined;

/** What a table needs beside its entries. */
export interface ConfigTableOptions<S extends Record<string, z.ZodType>> {
  /** Checked after every single value is valid. */
  readonly relations?: readonly ConfigRelation<S>[];
  /** Variables with the prefix that mean something elsewhere, as the path of the config file does. */
  readonly otherEnvironment?: readonly string[];
}

/** A complaint, with the name under which the user knows the setting. */
export interface ConfigProblem {
  readonly name: string;
  readonly message: string;
}

/** A setting under all its names. */
export interface ConfigRow {
  /** As in the config file: `public.idleTimeoutMs`. */
  readonly key: string;
  /** Without its dashes: `public-idle-timeout-ms`. Undefined for a secret. */
  readonly flag: string | undefined;
  /** `PARLEY_PUBLIC_IDLE_TIMEOUT_MS`. */
  readonly environment: string;
  /** `PARLEY_…_FILE`, for a secret only. */
  readonly environmentFile: string | undefined;
  readonly entry: ConfigEntry;
}

/** A checked table: parse with `parseConfig`, print with `configReference` and `describeConfig`. */
export interface ConfigTable<S extends Record<string, z.ZodType>> {
  readonly entries: ConfigEntries<S>;
  readonly rows: readonly ConfigRow[];
  readonly relations: readonly ConfigRelation<S>[];
  readonly otherEnvironment: readonly string[];
}

/** The values that a table parses to: `type NodeConfig = ConfigOf<typeof table>`. */
export type ConfigOf<T> = T extends ConfigTable<infer S> ? ConfigValues<S> : never;

/**
 * Checks and indexes a table of settings. Keys are camelCase words joined by dots.
 * Throws when a key is malformed, when two settings would share a name, or when a default breaks its own type.
 */
export function configTable<const S extends Record<string, z.ZodType>>(
  entries: ConfigEntries<S>,
  options: ConfigTableOptions<S> = {},
): ConfigTable<S> {
  const rows = Object.entries<ConfigEntry>(entries).map(([key, entry]) => configRow(key, entry));
  const otherEnvironment = options.otherEnvironment ?? [];
  assertNamesDiffer([...rows.flatMap((row) => [row.environment, row.environmentFile]), ...otherEnvironment]);
  for (const row of rows) assertDefaultsFit(row);
  return { entries, rows, relations: options.relations ?? [], otherEnvironment };
}

/** `idleTimeoutMs` and `public.idleTimeoutMs` become `idle-timeout-ms` and `public-idle-timeout-ms`. */
export function flagName(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll(".", "-");
}

function configRow(key: string, entry: ConfigEntry): ConfigRow {
  if (!/^[a-z][a-z0-9]*([A-Z][a-z0-9]*)*(\.[a-z][a-z0-9]*([A-Z][a-z0-9]*)*)*$/.test(key)) {
    throw new Error(`config key ${JSON.stringify(key)}: must be camelCase words joined by dots`);
  }
  const flag = flagName(key);
  const environment = environmentPrefix + flag.replaceAll("-", "_").toUpperCase();
  const secret = entry.secret === true;
  return {
    key,
    flag: secret ? undefined : flag,
    environment,
    environmentFile: secret ? `${environment}_FILE` : undefined,
    entry,
  };
}

function assertNamesDiffer(names: readonly (string | undefined)[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === undefined) continue;
    if (seen.has(name)) throw new Error(`two settings share the name ${name}: rename one of them`);
    seen.add(name);
  }
}

function assertDefaultsFit(row: ConfigRow): void {
  if (row.entry.secret === true && row.entry.default !== undefined) {
    throw new Error(`config key ${row.key}: a secret may have a default in dev only`);
  }
  for (const value of [row.entry.default, row.entry.devDefault]) {
    if (value === undefined) continue;
    const parsed = row.entry.type.safeParse(value);
    if (!parsed.success)
      throw new Error(`config key ${row.key}: its default is not valid: ${z.prettifyError(parsed.error)}`);
  }
}
