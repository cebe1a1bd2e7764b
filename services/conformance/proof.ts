import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildServers } from "./cluster/backends.ts";
import { isPassed, problemsOf } from "./harness/scenario-report.ts";
import { type ProofRun, renderSection, replaceSection } from "./proof-document.ts";
import { isOnServers, isSizeName, numbers, type Scenario, type Sizes, scenarios } from "./proof-scenarios.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));

/** Exit codes: all proven, something failed, wrong usage. */
const exitCodes = { proven: 0, failed: 1, usage: 2 } as const;

const usage = `Runs the long forms of the reliability tests and writes what they found to docs/reliability.md.

Usage: npm run proof -- [options]

  --only NAMES      which of them, with commas (all): crash, reconnect, slow-reader, cluster-kill, cluster-commit-kill,
                    cluster-freeze, cluster-commit-freeze, cluster-partition, cluster-rolling, cluster-coordinator,
                    cluster-group, servers-kill, servers-freeze, servers-partition, servers-rolling, servers-etcd,
                    servers-mongodb, servers-cut, etcd-faults
  --seed NUMBER     choices of all but slow-reader and cluster-group (7)
  --rounds NUMBER   crash: how often the process is killed (20)
  --users NUMBER    crash: users that send (20)
  --drops NUMBER    reconnect: drops of the device, for each way of attaching (200)
  --entries NUMBER  reconnect: entries of the burst (10000)
  --rate NUMBER     slow-reader: messages per second (1000)
  --seconds NUMBER  slow-reader: length of each of the three phases (30)
  --readers NUMBER  slow-reader: members beside four senders and the slow one (6)
  --people NUMBER   cluster-*, but cluster-group: users that send, spread over three nodes (30)
  --kills NUMBER    cluster-kill, cluster-commit-kill, servers-kill: how often a node is killed, every 5 s (12)
  --freezes NUMBER  *-freeze: how often a node is stopped, for 8 s and 30 s in turn (4)
  --cuts NUMBER     *-partition: how often a node is cut off, both ways and one way in turn (6)
  --restarts NUMBER *-rolling: how often all nodes are restarted, one after the other (3)
  --locked NUMBER   cluster-coordinator, servers-etcd: how long the coordinator is away, in seconds (60)
  --members NUMBER  cluster-group: members of the group (1000)
  --crowd NUMBER    cluster-group: devices that come and go at once (2000)
  --dry-run         do not write the page
  --help            this text

Exit codes: 0 proven, 1 something failed or proves nothing, 2 wrong usage.
`;

interface Request {
  readonly names: readonly string[];
  readonly sizes: Sizes;
  readonly write: boolean;
}

/** Reads the command line; throws a sentence for people. */
function parseRequest(argv: string[]): Request | "help" {
  const numeric = Object.fromEntries(Object.keys(numbers).map((name) => [name, { type: "string" } as const]));
  const { values } = parseArgs({
    args: argv,
    options: {
      ...numeric,
      only: { type: "string" },
      help: { type: "boolean" },
      "dry-run": { type: "boolean" },
    },
  });
  if (values.help === true) return "help";
  const given: Readonly<Record<string, unknown>> = values;
  const names = values.only === undefined ? Object.keys(scenarios) : values.only.split(",");
  const unknown = names.find((name) => !(name in scenarios));
  if (unknown !== undefined) {
    throw new Error(`there is no scenario ${unknown}; there are ${Object.keys(scenarios).join(", ")}`);
  }
  const size = (name: keyof Sizes): number => {
    const number = Number(given[name] ?? numbers[name]);
    if (!Number.isInteger(number) || number < 1)
      throw new Error(`--${name} must be a whole number from 1 on`);
    return number;
  };
  const sizes: Sizes = { ...numbers };
  for (const name of Object.keys(numbers).filter(isSizeName)) sizes[name] = size(name);
  return { names, sizes, write: values["dry-run"] !== true };
}

/** One that cannot go on has failed, and keeps none of the others from being run. */
async function proveOrTell(name: string, scenario: Scenario, request: Request): Promise<boolean> {
  try {
    return await prove(name, scenario, request);
  } catch (error) {
    say(`${name}: FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return false;
  }
}

/** Runs one scenario, prints its verdict and writes its section; false when it failed. */
async function prove(name: string, scenario: Scenario, { sizes, write }: Request): Promise<boolean> {
  const startedMs = performance.now();
  say(`${name}: started`);
  if (isOnServers(name)) buildServers((line) => say(`${name}: ${line}`));
  const report = await scenario.run(sizes, (line) => say(`${name}: ${line}`));
  const seconds = (performance.now() - startedMs) / 1000;
  for (const [figure, value] of report.figures) say(`${name}: ${figure}: ${value}`);
  for (const problem of problemsOf(report)) say(`${name}: ${problem}`);
  say(`${name}: ${isPassed(report) ? "passed" : "FAILED"} in ${seconds.toFixed(0)} s`);
  if (write) {
    const options = scenario.sizes.map((size) => `--${size} ${sizes[size]}`).join(" ");
    const run = { ...place(), command: `npm run proof -- --only ${name} ${options}`, seconds };
    const before = existsSync(page) ? readFileSync(page, "utf8") : "";
    mkdirSync(dirname(page), { recursive: true });
    writeFileSync(page, replaceSection(before, name, renderSection(scenario.title, run, report)));
  }
  return isPassed(report);
}

function place(): Omit<ProofRun, "command" | "seconds"> {
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  const model = cpus()[0]?.model.trim() ?? "an unknown processor";
  const machine = `${availableParallelism()} cores (${model}), ${gibibytes} GiB, ${process.platform}, Node ${process.version}`;
  return { machine, commit: commitName(), date: new Date().toISOString().slice(0, 10) };
}

function commitName(): string {
  const git = (...argv: string[]): string =>
    execFileSync("git", argv, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changed =
      git("status", "--porcelain", "--", "services", "proto", "gen") === "" ? "" : " with changes";
    return git("rev-parse", "--short", "HEAD") + changed;
  } catch {
    return "unknown";
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(argv: string[]): Promise<number> {
  let request: Request | "help";
  try {
    request = parseRequest(argv);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return exitCodes.usage;
  }
  if (request === "help") {
    say(usage);
    return exitCodes.proven;
  }
  let proven = true;
  for (const name of request.names) {
    const scenario = scenarios[name];
    if (scenario !== undefined && !(await proveOrTell(name, scenario, request))) proven = false;
  }
  return proven ? exitCodes.proven : exitCodes.failed;
}

// Ended by its own hand, so that the nodes, which end with it, are not left behind.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(exitCodes.failed));
process.exitCode = await main(process.argv.slice(2));
