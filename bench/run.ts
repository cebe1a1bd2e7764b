import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import type { Benchmark } from "./benchmark.ts";
import { coordinatorWritesBenchmark } from "./coordinator-writes/coordinator-writes.ts";
import { fanOutBenchmark } from "./fan-out/fan-out.ts";
import { idleBenchmark } from "./idle/idle.ts";
import { meshHopBenchmark } from "./mesh-hop/mesh-hop.ts";
import { meshSendsBenchmark } from "./mesh-sends/mesh-sends.ts";
import { type BenchOptions, helpText, parseOptions } from "./options.ts";
import { describeProfile, summarizeProfiles } from "./profile-summary.ts";
import { type Circumstances, sectionOf, withSection } from "./report.ts";
import { resumesBenchmark } from "./resumes/resumes.ts";
import { sendsBenchmark } from "./sends/sends.ts";
import { startBenchmark } from "./start/start.ts";

const benchmarks: readonly Benchmark[] = [
  sendsBenchmark,
  fanOutBenchmark,
  idleBenchmark,
  startBenchmark,
  meshHopBenchmark,
  meshSendsBenchmark,
  resumesBenchmark,
  coordinatorWritesBenchmark,
];

// Processes are ended by what runs at the exit of this one, and a signal alone would skip that.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  await main(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options.help) return print(helpText);
  const about = circumstances(args, options);
  for (const benchmark of chosen(options.only)) {
    print(`${benchmark.title}\n`);
    const findings = await benchmark.run(options.settings, (line) => print(`  ${line}\n`));
    const section = sectionOf(benchmark.title, findings, about);
    print(`\n${section}\n\n`);
    if (options.output !== undefined) {
      writeFileSync(
        options.output,
        withSection(readFileSync(options.output, "utf8"), benchmark.name, section),
      );
    }
  }
  const { profileDirectory } = options.settings;
  if (profileDirectory !== undefined) {
    for (const profile of summarizeProfiles(profileDirectory)) print(`${describeProfile(profile)}\n\n`);
  }
}

function chosen(only: readonly string[]): readonly Benchmark[] {
  const names = benchmarks.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no benchmark ${unknown}; there are ${names.join(", ")}`);
  return only.length === 0 ? benchmarks : benchmarks.filter(({ name }) => only.includes(name));
}

function circumstances(args: readonly string[], { settings }: BenchOptions): Circumstances {
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return {
    command: ["npm run bench", ...(args.length === 0 ? [] : ["--", ...args])].join(" "),
    commit: commitText(),
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    machine: `${availableParallelism()} cores (${cpus()[0]?.model.trim()}; load average at the start ${load})`,
    node: process.versions.node,
    runs: settings.runs,
  };
}

function commitText(): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
    const changed = git("status", "--porcelain") === "" ? "" : " with changes";
    return `${git("rev-parse", "--short", "HEAD")}${changed}`;
  } catch {
    return "unknown";
  }
}

function print(text: string): void {
  process.stdout.write(text);
}
