import { lineAt, type MaskedSource } from "./masked-source.ts";

/** One import, re-export, dynamic import or reference to a module by URL. */
export interface SourceImport {
  /** As written; undefined when it is not a literal, which no rule can check. */
  readonly specifier: string | undefined;
  readonly typeOnly: boolean;
  /** Text between `import` and `from`, for rules about single names. */
  readonly clause: string;
  /** From 1. */
  readonly line: number;
}

/** How workers are started. The same form also names directories and data, which are no modules. */
const moduleUrl = /\bnew\s+URL\s*\(\s*["'](?=[^"']*["']\s*,\s*import\.meta\b)/g;

/** Each matches up to, and with, the quote that opens the specifier. */
const forms = [
  /\b(?:import|export)\b(?<clause>[^;"'()]*?)\bfrom\s*["']/g,
  /\bimport\s*["']/g,
  /\bimport\s*\(\s*["']/g,
  moduleUrl,
];

/** Everything that a source takes from other modules, in the order of the forms. */
export function readImports(source: MaskedSource): SourceImport[] {
  const imports: SourceImport[] = [];
  for (const form of forms) {
    for (const match of source.code.matchAll(form)) {
      const start = match.index + match[0].length;
      const quote = source.original.charAt(start - 1);
      const written = source.original.slice(start, source.original.indexOf(quote, start));
      if (form === moduleUrl && !/\.[jt]s$/.test(written)) continue;
      // In a URL, a name without a dot before it is relative too.
      const specifier = form === moduleUrl && !written.startsWith(".") ? `./${written}` : written;
      const clause = match.groups?.["clause"] ?? "";
      imports.push({
        specifier,
        typeOnly: /^\s*type\b/.test(clause) && !/^\s*type\s*,/.test(clause),
        clause,
        line: lineAt(source.code, match.index) + 1,
      });
    }
  }
  for (const match of source.code.matchAll(/\bimport\s*\(\s*[^\s"']/g)) {
    imports.push({
      specifier: undefined,
      typeOnly: false,
      clause: "",
      line: lineAt(source.code, match.index) + 1,
    });
  }
  return imports;
}
