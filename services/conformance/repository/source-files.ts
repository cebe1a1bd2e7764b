import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The top of the repository, with a slash at its end. */
export const repositoryRoot = fileURLToPath(new URL("../../../", import.meta.url));

/** A file of the repository, by its path from the top with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** All files that match a pattern, in alphabetical order. Throws when there is none: the pattern must be wrong. */
export function readSources(...patterns: readonly string[]): SourceFile[] {
  const paths = patterns.flatMap((pattern) => globSync(pattern, { cwd: repositoryRoot }));
  if (paths.length === 0) throw new Error(`no file matches ${patterns.join(", ")}`);
  return paths.toSorted().map((path) => ({
    path: path.replaceAll("\\", "/"),
    text: readFileSync(repositoryRoot + path, "utf8"),
  }));
}
