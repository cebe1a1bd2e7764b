import type { Figure, Findings } from "./benchmark.ts";
import type { Spread } from "./statistics.ts";

/** On what, and by which command, figures were measured. */
export interface Circumstances {
  readonly command: string;
  readonly commit: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly runs: number;
}

/** One benchmark as a section of a Markdown document. */
export function sectionOf(title: string, findings: Findings, about: Circumstances): string {
  return [
    `## ${title}`,
    "",
    `\`${about.command}\` at commit ${about.commit}, ${about.date}, on ${about.machine}, Node ${about.node}; ` +
      `median of ${about.runs} (least to most).`,
    "",
    ...tableOf([["Figure", "Median", "Spread", "Ratio"], ...findings.figures.map(cellsOf)]),
    "",
    ...findings.notes.map((note) => `- ${note}`),
  ].join("\n");
}

/**
 * Puts a section between its markers in a document, and adds both at the end when they are not there. What stands
 * outside of markers is left alone.
 */
export function withSection(document: string, name: string, section: string): string {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const block = `${begin}\n\n${section}\n\n${end}`;
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) return `${document.trimEnd()}\n\n${block}\n`;
  return document.slice(0, from) + block + document.slice(to + end.length);
}

/** A number with about three significant digits, and whole from 100 on. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function cellsOf({ name, unit, value, ratios }: Figure): string[] {
  const compared = ratios.map((ratio) => {
    return `${numberText(ratio.value.median)} × ${ratio.to} (${spreadText(ratio.value)})`;
  });
  return [name, `${numberText(value.median)} ${unit}`, spreadText(value), compared.join("; ")];
}

/** A table whose columns are aligned as the formatter of this repository does, so that it has nothing to change. */
function tableOf([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((cells) => (cells[column] ?? "").length)),
  );
  const lineOf = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [lineOf(head), lineOf(widths.map((width) => "-".repeat(width))), ...rows.map(lineOf)];
}

function spreadText({ least, most }: Spread): string {
  return `${numberText(least)} to ${numberText(most)}`;
}
