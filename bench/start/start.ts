import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Benchmark, BenchSettings, Findings } from "../benchmark.ts";
import { FigureTable } from "../figures.ts";
import { startParley } from "../processes/parley-node.ts";
import { scratchDirectory } from "../processes/scratch-directory.ts";

/** From starting the process to the line that says that it serves. */
export const startBenchmark: Benchmark = { name: "start", title: "From start to ready", run: measureStart };

const names = {
  fresh: "Parley, new data directory",
  existing: "Parley, existing data directory",
  bare: "node -e 0, start to exit",
} as const;

async function measureStart(settings: BenchSettings, log: (line: string) => void): Promise<Findings> {
  const table = new FigureTable();
  for (let run = 0; run < settings.runs; run += 1) {
    using directory = scratchDirectory();
    const figures = {
      fresh: await readyMsOf(directory.path),
      existing: await readyMsOf(directory.path),
      bare: await bareMs(),
    };
    for (const key of ["fresh", "existing", "bare"] as const) table.add(names[key], "ms", figures[key]);
    log(
      `new ${figures.fresh.toFixed(0)} ms, existing ${figures.existing.toFixed(0)} ms, bare ${figures.bare.toFixed(0)} ms`,
    );
  }
  table.compare(names.fresh, names.bare);
  table.compare(names.existing, names.bare);
  return { figures: table.figures(), notes: [note] };
}

const note =
  "`parley dev` with default settings under the bundled Node, from spawning the process to its ready line; with a new " +
  "directory it also creates the database, the keys and the two demo users, whose passwords are hashed at full cost.";

async function readyMsOf(directory: string): Promise<number> {
  await using node = await startParley({ directory });
  return node.readyMs;
}

async function bareMs(): Promise<number> {
  const startMs = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return performance.now() - startMs;
}
