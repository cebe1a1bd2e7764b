import { z } from "zod";
import type { Config, ConfigSource } from "./config-parse.ts";
import type { ConfigEntry, ConfigRow, ConfigTable } from "./config-table.ts";
import { innermost } from "./config-text.ts";

/** What a flag looks like to an argument parser. */
export interface ConfigFlag {
  readonly key: string;
  /** `--public-port <number>`; a boolean takes its value too: `--reflection <true|false>`. */
  readonly syntax: string;
  readonly description: string;
}

/** The flags of a table, in its order; secrets have none. */
export function configFlags<S extends Record<string, z.ZodType>>(
  table: ConfigTable<S>,
): readonly ConfigFlag[] {
  return table.rows.flatMap((row) => {
    if (row.flag === undefined) return [];
    const value = row.entry.default;
    const byDefault = value === undefined ? "" : ` (default ${JSON.stringify(value)})`;
    const syntax = `--${row.flag} <${placeholder(row.entry)}>`;
    return [{ key: row.key, syntax, description: row.entry.description + byDefault }];
  });
}

/** One line of `parley config check`. */
export interface ConfigLine {
  readonly key: string;
  /** JSON of the value; `***` for a secret that is set, empty when nothing is. */
  readonly value: string;
  readonly source: ConfigSource;
}

/** What a node will run with and why, without secrets. */
export function describeConfig<S extends Record<string, z.ZodType>>(
  table: ConfigTable<S>,
  config: Config<S>,
): readonly ConfigLine[] {
  return table.rows.map((row) => {
    const value: unknown = config.values[row.key];
    const text = value === undefined ? "" : row.entry.secret === true ? "***" : printValue(value);
    return { key: row.key, value: text, source: config.sources[row.key] ?? "unset" };
  });
}

/** The reference page: one markdown section per first word of the keys, one entry per setting. */
export function configReference<S extends Record<string, z.ZodType>>(table: ConfigTable<S>): string {
  const sections = Map.groupBy(table.rows, (row) => row.key.split(".")[0] ?? row.key);
  const text = [
    "# Configuration",
    "",
    "A flag wins over the environment, the environment over the config file, the file over the default.",
    "The config file is JSON; nested objects spell the dots of a key. Unknown names are errors.",
    "Secrets come from the environment, or from the file that the variable ending in `_FILE` names.",
  ];
  for (const [name, rows] of sections) text.push("", `## ${name}`, ...rows.flatMap(referenceEntry));
  return `${text.join("\n")}\n`;
}

function referenceEntry(row: ConfigRow): string[] {
  const { entry } = row;
  const names = [row.flag === undefined ? undefined : `--${row.flag}`, row.environment, row.environmentFile];
  const type = [
    entry.unit === undefined ? typeText(entry) : `${typeText(entry)}, in ${entry.unit}`,
    entry.limits,
  ];
  return [
    "",
    `### \`${row.key}\``,
    "",
    entry.description,
    "",
    `- Type: ${type.filter((part) => part !== undefined).join("; ")}`,
    `- Default: ${defaultText(entry)}`,
    `- Set by: ${names.flatMap((name) => (name === undefined ? [] : [`\`${name}\``])).join(", ")}`,
  ];
}

function defaultText(entry: ConfigEntry): string {
  const parts: string[] = [];
  if (entry.default !== undefined) parts.push(`\`${printValue(entry.default)}\``);
  else parts.push(entry.type.safeParse(undefined).success ? "unset" : "none, must be set");
  if (entry.devDefault !== undefined) {
    parts.push(
      entry.secret === true ? "one of its own in dev" : `\`${printValue(entry.devDefault)}\` in dev`,
    );
  }
  return parts.join("; ");
}

const limitWords = [
  ["minimum", "at least"],
  ["exclusiveMinimum", "above"],
  ["maximum", "at most"],
  ["exclusiveMaximum", "below"],
  ["minLength", "characters at least"],
  ["maxLength", "characters at most"],
  ["minItems", "items at least"],
  ["maxItems", "items at most"],
  ["format", "format"],
  ["pattern", "pattern"],
] as const;

/** The type with its limits in words, from the JSON schema that zod derives. */
function typeText(entry: ConfigEntry): string {
  if (entry.secret === true) return "secret text";
  return schemaText(z.toJSONSchema(entry.type, { io: "input", unrepresentable: "any" }));
}

function schemaText(schema: z.core.JSONSchema.BaseSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((choice) => `\`${String(choice)}\``).join(" or ");
  if (schema.anyOf !== undefined) return schema.anyOf.map((choice) => narrowedText(choice)).join(" or ");
  const items = schema.items;
  const words = [items === undefined ? (schema.type ?? "value") : `list of ${narrowedText(items)}`];
  for (const [name, word] of limitWords) {
    const limit = schema[name];
    // zod bounds every whole number by what a double can hold, which tells nobody anything.
    if (limit === undefined || Math.abs(Number(limit)) === Number.MAX_SAFE_INTEGER) continue;
    words.push(name === "pattern" ? `pattern \`${String(limit)}\`` : `${word} ${String(limit)}`);
  }
  return words.join(", ");
}

function narrowedText(schema: unknown): string {
  return isSchema(schema) ? schemaText(schema) : "value";
}

function placeholder(entry: ConfigEntry): string {
  const wanted = innermost(entry.type);
  if (wanted instanceof z.ZodEnum) return wanted.options.join("|");
  if (wanted instanceof z.ZodBoolean) return "true|false";
  if (wanted instanceof z.ZodNumber) return entry.unit ?? "number";
  if (wanted instanceof z.ZodArray) return "list";
  return "text";
}

function printValue(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part));
}

function isSchema(value: unknown): value is z.core.JSONSchema.BaseSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
