import type { FigureTable } from "../figures.ts";
import type { ParleyNode } from "../processes/parley-node.ts";
import { processorTimeOfAll, timeBetween } from "../processes/process-usage.ts";
import type { SendFigures } from "./send-load.ts";

/** What is under load, and where its figures go. */
export interface LoadedNodes {
  readonly nodes: readonly ParleyNode[];
  readonly table: FigureTable;
  readonly log: (line: string) => void;
}

/** Runs one load and adds its figures under this name: of all nodes together. */
export async function measureLoad(
  { nodes, table, log }: LoadedNodes,
  name: string,
  run: () => Promise<SendFigures>,
): Promise<void> {
  const pids = nodes.map(({ pid }) => pid);
  const [before, batchesBefore] = [processorTimeOfAll(pids), await batchesOf(nodes)];
  const figures = await run();
  const [used, batches] = [timeBetween(before, processorTimeOfAll(pids)), await batchesOf(nodes)];
  const perSend = (microseconds: number): number => microseconds / figures.acks;
  const owner = nodes.length === 1 ? "node" : "nodes";
  table.add(name, "sends/s", figures.acks / figures.seconds);
  table.add(`${name}: ack p50`, "ms", figures.latency.p50);
  table.add(`${name}: ack p99`, "ms", figures.latency.p99);
  table.add(`${name}: slowest ack`, "ms", figures.latency.most);
  table.add(`${name}: sends repeated`, "%", (figures.repeated / figures.acks) * 100);
  table.add(`${name}: processor time of the ${owner}`, "µs/send", perSend(used.total));
  table.add(`${name}: of it the main thread`, "µs/send", perSend(used.main));
  table.add(`${name}: of it the database's thread`, "µs/send", perSend(used.workers));
  table.add(
    `${name}: entries per commit`,
    "entries",
    (batches.entries - batchesBefore.entries) / (batches.count - batchesBefore.count),
  );
  log(
    `${name}: ${(figures.acks / figures.seconds).toFixed(0)} sends/s, p50 ${figures.latency.p50.toFixed(1)} ms, ` +
      `p99 ${figures.latency.p99.toFixed(1)} ms, ${perSend(used.total).toFixed(0)} µs/send, generator blind for at most ${figures.blindMs.toFixed(0)} ms`,
  );
}

async function batchesOf(
  nodes: readonly ParleyNode[],
): Promise<{ readonly entries: number; readonly count: number }> {
  const sum = async (name: string): Promise<number> => {
    const values = await Promise.all(nodes.map((node) => node.metric(name)));
    return values.reduce((total, value) => total + value, 0);
  };
  return {
    entries: await sum("parley_append_batch_entries_sum"),
    count: await sum("parley_append_batch_entries_count"),
  };
}
