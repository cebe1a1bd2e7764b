import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { repositoryRoot } from "./source-files.ts";

/** One thing that the linter's parser counted or met. */
export interface Measurement {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly kind: "function lines" | "parameters" | "any" | "non-null" | "cast";
  /** Lines or parameters; 1 for what is only met. */
  readonly count: number;
}

const kinds: Readonly<Record<string, Measurement["kind"]>> = {
  "eslint(max-lines-per-function)": "function lines",
  "eslint(max-params)": "parameters",
  "typescript(no-explicit-any)": "any",
  "typescript(no-non-null-assertion)": "non-null",
  "typescript(consistent-type-assertions)": "cast",
};

const reportSchema = z.object({
  diagnostics: z.array(
    z.object({
      code: z.string(),
      message: z.string(),
      filename: z.string(),
      labels: z.array(z.object({ span: z.object({ line: z.number() }) })).min(1),
    }),
  ),
});

/**
 * Measures all functions, parameters, casts, `any` and `!` below the given paths. The parser is oxlint's, with
 * limits of 0 so that it reports everything: TypeScript 7 offers no parser of its own yet.
 * Paths in the answer are relative to the repository, or absolute when they lie outside of it.
 */
export function measureSources(paths: readonly string[]): Measurement[] {
  const rules = fileURLToPath(new URL("budget-rules.json", import.meta.url));
  const report = reportSchema.parse(JSON.parse(runLinter(["-c", rules, "--format=json", ...paths])));
  return report.diagnostics.map(({ code, message, filename, labels }) => {
    const kind = kinds[code];
    if (kind === undefined)
      throw new Error(`the linter reports ${code}, which was not asked for: ${message}`);
    const count = /\((\d+)\)/.exec(message)?.[1];
    return { path: filename, line: labels[0]?.span.line ?? 0, kind, count: Number(count ?? 1) };
  });
}

function runLinter(argv: readonly string[]): string {
  try {
    const linter = `${repositoryRoot}node_modules/.bin/oxlint`;
    return execFileSync(linter, argv, {
      cwd: repositoryRoot,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      timeout: 60_000,
    });
  } catch (error) {
    // Reporting anything makes it exit with 1; its report is complete all the same.
    const output = z.object({ status: z.literal(1), stdout: z.string() }).safeParse(error);
    if (output.success) return output.data.stdout;
    throw error;
  }
}
