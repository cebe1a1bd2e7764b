import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BudgetException, budgetViolations, describeSizes, limits } from "./budgets.ts";
import { measureSources } from "./measure-sources.ts";
import { readSources, type SourceFile } from "./source-files.ts";

/** Every entry has a reason, and only ever shrinks. */
const exceptions: readonly BudgetException[] = [];

describe("the repository", () => {
  const files = readSources("services/**/*.ts", "bench/**/*.ts", "proto/api/**/*.proto");

  test("keeps its budgets of lines, parameters, casts and suppressions", () => {
    const measurements = measureSources([
      "services",
      ...(files.some((file) => file.path.startsWith("bench/")) ? ["bench"] : []),
    ]);
    process.stdout.write(`${describeSizes(files, measurements).join("\n")}\n`);
    expect(budgetViolations(files, measurements, exceptions)).toEqual([]);
  });
});

describe("budgetViolations", () => {
  let directory = "";

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "parley-budgets-"));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  /** What is wrong with one source, measured by the real linter. */
  function violationsOf(
    text: string,
    allowed: Partial<BudgetException>[] = [],
    name = "planted.ts",
  ): string[] {
    const path = join(directory, name);
    writeFileSync(path, text);
    const complete = allowed.map((one) => ({
      path,
      kind: "any" as const,
      count: 1,
      reason: "planted",
      ...one,
    }));
    return budgetViolations([{ path, text }], measureSources([directory]), complete).map((line) =>
      line.replace(path, ""),
    );
  }

  test.each([
    ["a long file", "f();\n".repeat(limits.sourceLines + 1), ": 401 lines, at most 400"],
    ["a long function", `function a() {\n${lines(69)}}\n`, ":1 a function of 71 lines, at most 70"],
    ["a long method", `class A {\n  m() {\n${lines(69)}  }\n}\n`, ":2 a function of 71 lines, at most 70"],
    ["a long arrow", `const a = () => {\n${lines(69)}};\n`, ":1 a function of 71 lines, at most 70"],
    [
      "many parameters",
      "function a(b: 1, c: 1, d: 1, e: 1, f: 1) {}\n",
      ":1 5 parameters, at most 4: take an object",
    ],
    ["any", "const a: any = 1;\n", ":1 any: say what it is, or unknown"],
    ["a non-null assertion", "const a = b!;\n", ":1 a non-null assertion: check it"],
    ["a bare cast", "\nconst a = b as number;\n", ":2 a cast without a comment that gives the reason"],
    [
      "a cast in angle brackets",
      "const a = <number>b;\n",
      ":1 a cast without a comment that gives the reason",
    ],
    ["an ignored type error", "// @ts-expect-error because\nf();\n", ":1 switches the types off"],
    [
      "a silenced linter",
      "// oxlint-disable-next-line no-x\nf();\n",
      ":1 silences the linter without a reason",
    ],
  ])("reports %s", (_, text, violation) => {
    expect(violationsOf(text)).toEqual([violation]);
  });

  test("what is at its limit, and a cast with its reason, passes", () => {
    const text = [
      `function a(b: 1, c: 1, d: 1, e: 1) {\n${lines(68)}}`,
      "const table = [1] as const;",
      "// The library types this as unknown.",
      "const f = g as number;",
      "// oxlint-disable-next-line no-x -- the rule is wrong here",
      'const s = "@ts-ignore";',
    ].join("\n");
    expect(violationsOf(text)).toEqual([]);
  });

  test("tests may be longer, and what holds tests is a chapter and no function", () => {
    const text = `describe("a", () => {\n${lines(500)}});\n`;
    expect(violationsOf(text, [], "planted.test.ts")).toEqual([]);
    expect(violationsOf(text).join("")).toContain("502 lines");
    const suite = `function suite() {\n  test("a", f);\n${lines(80)}}\n`;
    expect(violationsOf(suite, [], "planted.test.ts")).toEqual([]);
    expect(violationsOf(suite)).toHaveLength(1);
  });

  test("an exception covers what it names up to its count, and is reported once it is not needed", () => {
    const text = "function a(b: 1, c: 1, d: 1, e: 1, f: 1) {}\n";
    expect(violationsOf(text, [{ kind: "parameters", count: 5 }])).toEqual([]);
    expect(violationsOf("f();\n", [{ kind: "parameters", count: 5 }])).toEqual([
      ": needs no exception for parameters any more: take it out of the list",
    ]);
    expect(violationsOf(text, [{ kind: "parameters", count: 4 }])).toHaveLength(2);
  });
});

describe("describeSizes", () => {
  test("tells medians and 90th percentiles of sources, and what the tests weigh", () => {
    const files = [
      sized("services/a/a.ts", 10),
      sized("services/a/b.ts", 30),
      sized("services/a/a.test.ts", 80),
    ];
    const [fileLines, functionLines, , tests] = describeSizes(files, [
      { path: "services/a/a.ts", line: 1, kind: "function lines", count: 7 },
    ]);
    expect(fileLines).toContain("median 10");
    expect(functionLines).toContain("median 7, 90th percentile 7");
    expect(tests).toContain("2.00");
  });
});

function sized(path: string, count: number): SourceFile {
  return { path, text: "x\n".repeat(count) };
}

/** The inside of a function. */
function lines(count: number): string {
  return "  f();\n".repeat(count);
}
