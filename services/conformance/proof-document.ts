import type { ScenarioReport } from "./harness/scenario-report.ts";
import { isPassed, problemsOf } from "./harness/scenario-report.ts";

/** Where and when a proof was run. */
export interface ProofRun {
  readonly command: string;
  readonly commit: string;
  /** Day of the run, as 2026-01-31. */
  readonly date: string;
  readonly machine: string;
  readonly seconds: number;
}

const introduction = `# Reliability

What the long forms of the tests found. Each section is written by the command that it names; \`npm test\` runs the same
scenarios in a short form. The checkers look at what clients saw and at nothing else, and each of them is itself tested
with a history that contains the fault it looks for (\`services/conformance/checks\`).

**Process crash is proven, power loss is configured.** \`kill -9\` ends a process and leaves the machine running, so what
the process had written to the operating system survives it. That the store also survives a loss of power rests on its
settings (\`synchronous=FULL\` in WAL mode, an fsync before each acknowledgement), which tests assert, and on a disk that
keeps what it has confirmed, which nobody here has tested.

**MongoDB's majority durability is not proven here.** The sections on etcd and MongoDB ran on FerretDB, which speaks MongoDB's
protocol over SQLite: they show that nodes lose, double and reorder nothing, and their times are FerretDB's. On a replica set,
\`PARLEY_TEST_MONGO_URL='mongodb://db-1,db-2,db-3/?replicaSet=rs0' npm run proof -- --only
servers-kill,servers-freeze,servers-partition,servers-rolling,servers-etcd\` runs them and judges their times, too.
`;

/** The page with one section replaced, or added at its end; the rest stays as it is. An empty page is begun. */
export function replaceSection(page: string, name: string, section: string): string {
  const [begin, end] = [`<!-- proof ${name} begin -->`, `<!-- proof ${name} end -->`];
  const block = `${begin}\n${section.trim()}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from >= 0 && to > from) return page.slice(0, from) + block + page.slice(to + end.length);
  return `${(page.trim() === "" ? introduction : page).trimEnd()}\n\n${block}\n`;
}

/** One section: the verdict, where it was run, figures and checks. */
export function renderSection(title: string, run: ProofRun, report: ScenarioReport): string {
  const { command, commit, date, machine, seconds } = run;
  const problems = problemsOf(report);
  const figures = [["command", `\`${command}\``] as const, ...report.figures];
  return [
    `## ${title}`,
    "",
    `${isPassed(report) ? "**Passed**" : "**Failed**"} on ${date} at commit ${commit}, in ${seconds.toFixed(0)} s, on ${machine}.`,
    "",
    ...table(["Figure", "Value"], figures),
    "",
    ...table(
      ["Check", "Looked at", "Violations"],
      report.findings
        .filter(({ examined }) => examined > 0)
        .map(({ check, examined, violationCount }) => [check, `${examined}`, `${violationCount}`]),
    ),
    ...(problems.length > 0 ? ["", "```text", ...problems, "```"] : []),
  ].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
