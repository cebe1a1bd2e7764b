import { readdirSync, readFileSync } from "node:fs";

/** Processor time that a process has used since it started, in microseconds, by kind of thread. */
export interface ProcessorTime {
  readonly total: number;
  /** JavaScript of the main thread, the garbage collection that it waits for included. */
  readonly main: number;
  /** Worker threads: in a Parley node, the one that holds the database. */
  readonly workers: number;
  /** Everything else: the garbage collector's and the thread pool's threads. */
  readonly others: number;
}

// Every other thread was made and named by the program.
const enginePattern = /^(?:V8Worker|libuv|DelayedTask|SignalInspector)/;

/** Reads the processor time of a running process from Linux' /proc, which counts it in nanoseconds. */
export function processorTimeOf(pid: number): ProcessorTime {
  const sums = { main: 0, workers: 0, others: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const time = threadTime(`/proc/${pid}/task/${thread}`);
    if (time !== undefined) sums[kindOf(time.name, thread === String(pid))] += time.microseconds;
  }
  return { ...sums, total: sums.main + sums.workers + sums.others };
}

/** The sum over several running processes. */
export function processorTimeOfAll(pids: readonly number[]): ProcessorTime {
  const sum = { total: 0, main: 0, workers: 0, others: 0 };
  for (const pid of pids) {
    const time = processorTimeOf(pid);
    for (const kind of ["total", "main", "workers", "others"] as const) sum[kind] += time[kind];
  }
  return sum;
}

/** The time used between two readings. */
export function timeBetween(before: ProcessorTime, after: ProcessorTime): ProcessorTime {
  return {
    total: after.total - before.total,
    main: after.main - before.main,
    workers: after.workers - before.workers,
    others: after.others - before.others,
  };
}

/** Memory of a running process that is in RAM, in KiB. */
export function residentKibOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib);
}

function threadTime(path: string): { readonly name: string; readonly microseconds: number } | undefined {
  try {
    const [nanoseconds] = readFileSync(`${path}/schedstat`, "utf8").split(" ");
    return { name: readFileSync(`${path}/comm`, "utf8").trim(), microseconds: Number(nanoseconds) / 1_000 };
  } catch {
    // The thread has ended meanwhile.
    return undefined;
  }
}

function kindOf(name: string, isMain: boolean): "main" | "workers" | "others" {
  if (isMain) return "main";
  return enginePattern.test(name) ? "others" : "workers";
}
