import { isTestCode } from "./boundary-rules.ts";
import { maskSource } from "./masked-source.ts";
import type { Measurement } from "./measure-sources.ts";
import type { SourceFile } from "./source-files.ts";

/** The most that a file may have of a thing. Aims are lower; see `describeSizes`. */
export const limits = {
  sourceLines: 400,
  testLines: 600,
  protoLines: 300,
  functionLines: 70,
  parameters: 4,
} as const;

/** A file that may have more, why, and how much. It only ever shrinks: a stale one is a violation too. */
export interface BudgetException {
  readonly path: string;
  readonly kind: Measurement["kind"] | "file lines";
  readonly count: number;
  readonly reason: string;
}

interface Excess {
  readonly path: string;
  readonly kind: BudgetException["kind"];
  readonly count: number;
  readonly text: string;
}

/** Everything over its budget that no exception covers, and every exception that covers nothing. */
export function budgetViolations(
  files: readonly SourceFile[],
  measurements: readonly Measurement[],
  exceptions: readonly BudgetException[],
): string[] {
  const excesses = [...files.flatMap(fileExcess), ...measurementExcesses(files, measurements)];
  const covers = (exception: BudgetException, excess: Excess): boolean =>
    exception.path === excess.path && exception.kind === excess.kind && excess.count <= exception.count;
  const open = excesses.filter((excess) => !exceptions.some((exception) => covers(exception, excess)));
  const stale = exceptions.filter((exception) => !excesses.some((excess) => covers(exception, excess)));
  return [
    ...open.map((excess) => excess.text),
    ...files.flatMap(suppressions),
    ...stale.map(
      ({ path, kind }) => `${path}: needs no exception for ${kind} any more: take it out of the list`,
    ),
  ];
}

function fileExcess(file: SourceFile): Excess[] {
  const lines = lineCount(file.text);
  const limit = file.path.endsWith(".proto")
    ? limits.protoLines
    : isTestCode(file.path)
      ? limits.testLines
      : limits.sourceLines;
  if (lines <= limit) return [];
  return [
    {
      path: file.path,
      kind: "file lines",
      count: lines,
      text: `${file.path}: ${lines} lines, at most ${limit}`,
    },
  ];
}

function measurementExcesses(files: readonly SourceFile[], measurements: readonly Measurement[]): Excess[] {
  const sources = new Map(files.map((file) => [file.path, new SourceLines(file)]));
  return measurements.flatMap((measurement) => {
    const { path, line, kind, count } = measurement;
    const problem = measurementProblem(measurement, sources.get(path));
    return problem === undefined ? [] : [{ path, kind, count, text: `${path}:${line} ${problem}` }];
  });
}

function measurementProblem(measurement: Measurement, source: SourceLines | undefined): string | undefined {
  const { line, kind, count } = measurement;
  if (source === undefined) return undefined;
  switch (kind) {
    case "function lines":
      if (count <= limits.functionLines || source.isChapter(line, count)) return undefined;
      return `a function of ${count} lines, at most ${limits.functionLines}`;
    case "parameters":
      return count <= limits.parameters
        ? undefined
        : `${count} parameters, at most ${limits.parameters}: take an object`;
    case "any":
      return "any: say what it is, or unknown";
    case "non-null":
      return "a non-null assertion: check it";
    case "cast":
      return source.commented(line) ? undefined : "a cast without a comment that gives the reason";
    default:
      return kind satisfies never;
  }
}

/** Comments that switch a checker off: never for types, and for the linter only with a reason after `--`. */
function suppressions(file: SourceFile): string[] {
  if (file.path.endsWith(".proto")) return [];
  const source = new SourceLines(file);
  return file.text.split("\n").flatMap((text, index) => {
    if (!source.isComment(index + 1)) return [];
    if (/@ts-(?:ignore|nocheck|expect-error)/.test(text))
      return [`${file.path}:${index + 1} switches the types off`];
    const silenced = /(?:oxlint|eslint)-disable|biome-ignore/.test(text);
    return silenced && !/ -- \S|: \S/.test(text)
      ? [`${file.path}:${index + 1} silences the linter without a reason`]
      : [];
  });
}

/** Medians and 90th percentiles beside the aims, for people. */
export function describeSizes(files: readonly SourceFile[], measurements: readonly Measurement[]): string[] {
  const fileLines = files.filter(({ path }) => isSource(path)).map(({ text }) => lineCount(text));
  const functions = measurements.filter(({ path, kind }) => kind === "function lines" && isSource(path));
  const testLines = files.filter(({ path }) => isTestCode(path)).map(({ text }) => lineCount(text));
  const casts = measurements.filter(({ path, kind }) => kind === "cast" && isSource(path)).length;
  const total = sum(fileLines);
  return [
    `lines of a file: ${spread(fileLines)} (aims: 100 and 250)`,
    `lines of a function: ${spread(functions.map(({ count }) => count))} (aims: 12 and 35)`,
    `casts: ${casts} in ${total} lines (aim: 1 in 400)`,
    `test lines to source lines: ${(sum(testLines) / Math.max(1, total)).toFixed(2)} (aim: 1)`,
  ];
}

function isSource(path: string): boolean {
  return path.endsWith(".ts") && !isTestCode(path);
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((one, two) => one - two);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return `median ${at(0.5)}, 90th percentile ${at(0.9)}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function lineCount(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

/** A source by lines, counted from 1. */
class SourceLines {
  readonly #path: string;
  readonly #lines: readonly string[];
  readonly #commented: ReadonlySet<number>;

  constructor(file: SourceFile) {
    this.#path = file.path;
    this.#lines = file.text.split("\n");
    this.#commented = maskSource(file.text).commented;
  }

  /** Whether the function that starts here holds tests: a callback of `describe`, or a suite for adapters. */
  isChapter(line: number, count: number): boolean {
    const body = this.#lines.slice(line - 1, line - 1 + count);
    return isTestCode(this.#path) && body.some((text) => /^\s*(?:describe|test)\b/.test(text));
  }

  isComment(line: number): boolean {
    return this.#commented.has(line - 1);
  }

  /** Whether the line or the one before it carries a comment. */
  commented(line: number): boolean {
    return this.isComment(line) || this.isComment(line - 1);
  }
}
