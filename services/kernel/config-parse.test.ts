import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { type ConfigInput, parseConfig } from "./config-parse.ts";
import { type ConfigOf, configTable } from "./config-table.ts";

const table = configTable(
  {
    "public.host": { type: z.string(), default: "127.0.0.1", description: "Address to listen on." },
    "public.port": { type: z.number().int().min(0).max(65535), default: 7080, description: "Port." },
    "public.idleTimeoutMs": {
      type: z.number().int().min(1),
      default: 30_000,
      unit: "ms",
      description: "Idle.",
    },
    "public.origins": { type: z.array(z.string()), default: [], description: "Origins for CORS." },
    "log.format": {
      type: z.enum(["json", "text"]),
      default: "json",
      devDefault: "text",
      description: "Format.",
    },
    reflection: { type: z.boolean(), default: false, devDefault: true, description: "Reflection." },
    "token.key": { type: z.string().min(8), devDefault: "not-a-secret", secret: true, description: "Key." },
    "tls.certificate": { type: z.string().optional(), description: "Path of the certificate." },
  },
  {
    otherEnvironment: ["PARLEY_CONFIG"],
    relations: [
      (values) => (values["public.port"] === 1 && values.reflection ? "no reflection on port 1" : undefined),
    ],
  },
);

const secret = { PARLEY_TOKEN_KEY: "correct horse" };

function valuesOf(input: ConfigInput): ConfigOf<typeof table> {
  const result = parseConfig(table, input);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config.values;
}

function problemsOf(input: ConfigInput): string[] {
  const result = parseConfig(table, { ...input, environment: { ...secret, ...input.environment } });
  return result.ok ? [] : result.problems.map((problem) => `${problem.name}: ${problem.message}`);
}

describe("parseConfig", () => {
  test("types of the values follow the table", () => {
    expectTypeOf<ConfigOf<typeof table>["public.port"]>().toEqualTypeOf<number>();
    expectTypeOf<ConfigOf<typeof table>["log.format"]>().toEqualTypeOf<"json" | "text">();
    expectTypeOf<ConfigOf<typeof table>["tls.certificate"]>().toEqualTypeOf<string | undefined>();
  });

  test("a flag wins over the environment, which wins over the file, which wins over the default", () => {
    const file = { path: "parley.json", text: '{"public": {"port": 3}}' };
    const environment = { ...secret, PARLEY_PUBLIC_PORT: "2" };
    const flags = { "public-port": "1" };
    const ports = [
      { flags, environment, file },
      { environment, file },
      { environment: secret, file },
      { environment: secret },
    ];
    expect(ports.map((input) => valuesOf(input)["public.port"])).toEqual([1, 2, 3, 7080]);
  });

  test("each value tells where it came from", () => {
    const result = parseConfig(table, {
      flags: { publicHost: "::1" },
      environment: { PARLEY_PUBLIC_PORT: "2", PARLEY_TOKEN_KEY_FILE: "/run/key" },
      file: { path: "f", text: '{"log.format": "text"}' },
      readSecretFile: (path) => `from ${path}\n`,
    });
    if (!result.ok) throw new Error("must parse");
    expect(result.config.values["token.key"]).toBe("from /run/key");
    expect(result.config.sources).toEqual({
      "public.host": "flag",
      "public.port": "environment",
      "public.idleTimeoutMs": "default",
      "public.origins": "default",
      "log.format": "file",
      reflection: "default",
      "token.key": "secret file",
      "tls.certificate": "unset",
    });
  });

  test("texts are read as the type wants", () => {
    const environment = {
      ...secret,
      PARLEY_PUBLIC_ORIGINS: "https://a, https://b",
      PARLEY_REFLECTION: "true",
    };
    expect(valuesOf({ environment })).toMatchObject({
      "public.origins": ["https://a", "https://b"],
      reflection: true,
    });
    expect(
      valuesOf({ environment: secret, flags: { reflection: true, publicOrigins: ["a", "b"] } }),
    ).toMatchObject({
      "public.origins": ["a", "b"],
      reflection: true,
    });
  });

  test("defaults of dev hold only in dev", () => {
    expect(valuesOf({ dev: true })).toMatchObject({ "log.format": "text", "token.key": "not-a-secret" });
    expect(valuesOf({ environment: secret })["log.format"]).toBe("json");
  });

  test("a required secret that is missing outside dev is a problem that says how to set it", () => {
    const result = parseConfig(table, {});
    expect(result).toEqual({
      ok: false,
      problems: [
        {
          name: "token.key",
          message: "must be set: PARLEY_TOKEN_KEY, or PARLEY_TOKEN_KEY_FILE with the path of a file",
        },
      ],
    });
  });

  test("the published secret of dev is refused elsewhere even when it is set by hand", () => {
    expect(problemsOf({ environment: { PARLEY_TOKEN_KEY: "not-a-secret" } })).toEqual([
      "PARLEY_TOKEN_KEY: is the published default of dev: choose a secret of your own",
    ]);
  });

  test("a secret in a flag or in the config file is refused, and never shown", () => {
    const flags = { "token-key": "hush-hush" };
    const file = { path: "f.json", text: '{"token": {"key": "hush-hush"}}' };
    const problems = problemsOf({ flags, file }).join("\n");
    expect(problems).toContain("--token-key: is a secret");
    expect(problems).toContain("token.key in f.json: is a secret");
    const short = problemsOf({ environment: { PARLEY_TOKEN_KEY: "hush" } }).join("\n");
    expect(short).toContain("PARLEY_TOKEN_KEY:");
    expect(problems + short).not.toContain("hush");
  });

  test("a secret and the file of it together are a problem, as is a file that cannot be read", () => {
    const both = problemsOf({
      environment: { PARLEY_TOKEN_KEY_FILE: "/x" },
      readSecretFile: () => "abcdefgh",
    });
    expect(both).toEqual(["PARLEY_TOKEN_KEY_FILE: is set, and so is PARLEY_TOKEN_KEY: set one of them"]);
    const result = parseConfig(table, {
      environment: { PARLEY_TOKEN_KEY_FILE: "/x" },
      readSecretFile: refuseFile,
    });
    expect(JSON.stringify(result)).toContain("cannot read /x: no such file");
  });

  test("unknown names are problems that name the nearest known one", () => {
    expect(
      problemsOf({
        flags: { "public-prot": "1" },
        environment: { PARLEY_PUBLIC_HOTS: "x", PARLEY_CONFIG: "f", HOME: "/" },
        file: { path: "f", text: '{"pubic": {"port": 1}, "nothingLikeIt": true}' },
      }),
    ).toEqual([
      "pubic.port in f: is not known: did you mean public.port?",
      "nothingLikeIt in f: is not known",
      "PARLEY_PUBLIC_HOTS: is not known: did you mean PARLEY_PUBLIC_HOST?",
      "--public-prot: is not known: did you mean --public-port?",
    ]);
  });

  test.each([
    ["PARLEY_PUBLIC_PORT", "http", 'must be a number (it is "http")'],
    ["PARLEY_PUBLIC_PORT", "70000", "65535 (it is 70000)"],
    ["PARLEY_PUBLIC_PORT", "", "must be a number"],
    ["PARLEY_REFLECTION", "yes", "must be true or false"],
    ["PARLEY_LOG_FORMAT", "xml", '"json"|"text"'],
  ])("a bad value is shown with what is expected: %s=%s", (name, text, message) => {
    const [problem] = problemsOf({ environment: { [name]: text } });
    expect(problem?.startsWith(`${name}: `)).toBe(true);
    expect(problem).toContain(message);
  });

  test.each([
    ["{", "is not valid JSON"],
    ["[]", "must hold a JSON object"],
    ['{"public": {"port": 1}, "public.port": 2}', "is set twice"],
    ['{"public": {"port": "1"}}', "expected number"],
  ])("a bad config file is a problem: %s", (text, message) => {
    const problems = problemsOf({ file: { path: "f", text } });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });

  test("a broken relation between valid values is a problem", () => {
    expect(problemsOf({ flags: { "public-port": "1", reflection: "true" } })).toEqual([
      "configuration: no reflection on port 1",
    ]);
  });
});

function refuseFile(): string {
  throw new Error("no such file");
}
