import { parseArgs } from "node:util";
import type { BenchSettings } from "./benchmark.ts";

/** What the command was asked to do. */
export interface BenchOptions {
  readonly help: boolean;
  /** Names of benchmarks; empty means all. */
  readonly only: readonly string[];
  readonly short: boolean;
  /** The document whose generated sections are rewritten; none when undefined. */
  readonly output: string | undefined;
  readonly settings: BenchSettings;
}

export const helpText = `Usage: npm run bench -- [options]

Measures Parley beside its peers, as ratios in one run, and writes docs/benchmarks.md.

Options:
  --only <names>     sends, fan-out, idle, start, mesh-hop, mesh-sends, resumes, coordinator-writes;
                     separated by commas (default: all)
  --runs <number>    how often each figure is measured (default: 5, with --short 1)
  --short            a glance in about two minutes; writes no document unless --output says so
  --output <file>    rewrite the generated sections of this document (default: docs/benchmarks.md)
  --profile <dir>    write a profile of the node's processor time there and print where it went;
                     profiling costs time itself, so no document is written
  --help             print this

Example:
  npm run bench -- --only sends --runs 3
`;

const full = {
  seconds: 6,
  senders: 64,
  members: 200,
  idleDevices: 5_000,
  sendsPerSecond: 4_500,
  rounds: 60,
  pairs: 500,
  typists: 128,
  resumingDevices: 2_000,
  joiningDevices: 500,
};
const short = {
  ...full,
  seconds: 2,
  idleDevices: 500,
  rounds: 15,
  pairs: 100,
  typists: 96,
  resumingDevices: 200,
  joiningDevices: 100,
};

/** Parses arguments. Throws an error that says what was wrong. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      runs: { type: "string" },
      short: { type: "boolean", default: false },
      output: { type: "string" },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const runs = Number(values.runs ?? (values.short ? 1 : 5));
  if (!Number.isInteger(runs) || runs < 1 || runs > 100) {
    throw new Error(`--runs is ${values.runs}; it must be a whole number from 1 to 100`);
  }
  const written = values.short || values.profile !== undefined ? undefined : "docs/benchmarks.md";
  return {
    help: values.help,
    only: values.only === undefined ? [] : values.only.split(","),
    short: values.short,
    output: values.output ?? written,
    settings: { ...(values.short ? short : full), runs, profileDirectory: values.profile },
  };
}
