import { readMetrics, sumOf } from "../harness/metrics-page.ts";
import { type ParleyProcess, residentBytes } from "../harness/parley-process.ts";
import { pause } from "../harness/pause.ts";

/** How often the memory of the process is read, in milliseconds. */
const sampleMs = 250;

/** What the node says that it holds for devices: rings of recent entries, and pages that were read for one. */
const heldMetrics = ["parley_session_ring_bytes", "parley_session_page_bytes"];

/** The most memory of a span of time, in bytes. */
export interface MemoryUse {
  /** Resident memory as the kernel counts it; 0 where it does not say. */
  readonly residentBytes: number;
  /** What the node says that it holds for devices. */
  readonly heldBytes: number;
}

/** Reads the memory of a process now and then, until it is disposed. */
export interface MemoryWatch extends AsyncDisposable {
  /** The most since the last call of this. */
  takeMax(): MemoryUse;
}

/** Watches a node. A page of metrics that cannot be read makes the disposal throw. */
export function watchMemory(node: ParleyProcess): MemoryWatch {
  const abort = new AbortController();
  let [resident, held] = [0, 0];

  async function run(): Promise<void> {
    while (!abort.signal.aborted) {
      resident = Math.max(resident, residentBytes(node.pid) ?? 0);
      const metrics = await readMetrics(node.adminUrl);
      const now = heldMetrics.map((name) => sumOf(metrics, name) ?? Number.NaN);
      held = Math.max(
        held,
        now.reduce((sum, bytes) => sum + bytes, 0),
      );
      await pause(sampleMs, abort.signal);
    }
  }

  const running = run();
  // Reported by the disposal; until then it must not count as unhandled.
  running.catch(() => undefined);
  return {
    takeMax: () => {
      const taken = { residentBytes: resident, heldBytes: held };
      [resident, held] = [0, 0];
      return taken;
    },
    [Symbol.asyncDispose]: async () => {
      abort.abort();
      await running;
    },
  };
}
