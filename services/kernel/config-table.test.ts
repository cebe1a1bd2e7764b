import { describe, expect, test } from "vitest";
import { z } from "zod";
import { configFlags, configReference, describeConfig } from "./config-doc.ts";
import { parseConfig } from "./config-parse.ts";
import { configTable } from "./config-table.ts";

const text = { type: z.string(), default: "x", description: "Text." };

const table = configTable({
  "public.port": {
    type: z.number().int().min(0).max(65535),
    default: 7080,
    description: "Port to listen on.",
  },
  "public.idleMs": { type: z.number().int().min(1), default: 30_000, unit: "ms", description: "Idle time." },
  "public.origins": { type: z.array(z.string().max(99)).max(8), default: [], description: "Origins." },
  "log.format": {
    type: z.enum(["json", "text"]),
    default: "json",
    devDefault: "text",
    description: "Format.",
  },
  "token.key": { type: z.string().min(8), devDefault: "not-a-secret", secret: true, description: "Key." },
  "tls.key": { type: z.string().optional(), description: "Path.", limits: "an existing file" },
});

describe("configTable", () => {
  test("every key gets a flag and a variable, and a secret gets a file instead of a flag", () => {
    const names = table.rows.map((row) => [row.flag, row.environment, row.environmentFile]);
    expect(names[1]).toEqual(["public-idle-ms", "PARLEY_PUBLIC_IDLE_MS", undefined]);
    expect(names[4]).toEqual([undefined, "PARLEY_TOKEN_KEY", "PARLEY_TOKEN_KEY_FILE"]);
  });

  test("a malformed key, a shared name, a bad default and a secret with a default are refused", () => {
    expect(() => configTable({ "Public.Host": text })).toThrow("camelCase");
    expect(() => configTable({ "a.bC": text, "a.b.c": text })).toThrow("PARLEY_A_B_C");
    expect(() => configTable({ a: { ...text, secret: true } })).toThrow("dev only");
    const port = { type: z.number().max(1), default: 2, description: "Port." };
    expect(() => configTable({ port })).toThrow("config key port: its default is not valid");
  });
});

describe("configFlags", () => {
  test("flags carry a placeholder and the default, and secrets have none", () => {
    expect(configFlags(table).map((flag) => `${flag.syntax}: ${flag.description}`)).toEqual([
      "--public-port <number>: Port to listen on. (default 7080)",
      "--public-idle-ms <ms>: Idle time. (default 30000)",
      "--public-origins <list>: Origins. (default [])",
      '--log-format <json|text>: Format. (default "json")',
      "--tls-key <text>: Path.",
    ]);
  });
});

describe("describeConfig", () => {
  test("values are shown with their source, secrets as stars", () => {
    const result = parseConfig(table, { dev: true, flags: { "public-port": "1" } });
    if (!result.ok) throw new Error("must parse");
    expect(describeConfig(table, result.config)).toEqual([
      { key: "public.port", value: "1", source: "flag" },
      { key: "public.idleMs", value: "30000", source: "default" },
      { key: "public.origins", value: "[]", source: "default" },
      { key: "log.format", value: '"text"', source: "dev default" },
      { key: "token.key", value: "***", source: "dev default" },
      { key: "tls.key", value: "", source: "unset" },
    ]);
  });
});

describe("configReference", () => {
  const page = configReference(table);

  test("every setting has an entry with its type, limits, default and names", () => {
    expect(page).toContain(
      [
        "### `public.port`",
        "",
        "Port to listen on.",
        "",
        "- Type: integer, at least 0, at most 65535",
        "- Default: `7080`",
        "- Set by: `--public-port`, `PARLEY_PUBLIC_PORT`",
      ].join("\n"),
    );
    expect(page).toContain("- Type: integer, at least 1, in ms\n");
    expect(page).toContain("- Type: list of string, characters at most 99, items at most 8\n");
    expect(page).toContain('- Type: `json` or `text`\n- Default: `"json"`; `"text"` in dev');
    expect(page).toContain("- Type: string; an existing file\n- Default: unset");
    for (const row of table.rows) expect(page).toContain(`### \`${row.key}\``);
  });

  test("the secret of dev is not printed", () => {
    expect(page).not.toContain("not-a-secret");
    expect(page).toContain("- Default: none, must be set; one of its own in dev");
  });
});
