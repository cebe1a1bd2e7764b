import { describe, expect, test } from "vitest";
import type { Benchmark, BenchSettings, Figure } from "./benchmark.ts";
import { fanOutBenchmark } from "./fan-out/fan-out.ts";
import { idleBenchmark } from "./idle/idle.ts";
import { sendsBenchmark } from "./sends/sends.ts";
import { startBenchmark } from "./start/start.ts";

// So few of everything that the figures mean nothing: this shows that the benchmarks still run.
const tiny: BenchSettings = {
  runs: 1,
  seconds: 0.3,
  senders: 3,
  members: 4,
  idleDevices: 3,
  sendsPerSecond: 100,
  rounds: 2,
  profileDirectory: undefined,
};

describe("the benchmarks", () => {
  test("sends are acknowledged in both loops, beside the floor of SQLite", { timeout: 60_000 }, async () => {
    const figures = await figuresOf(sendsBenchmark);
    expect(figures.get("Parley, closed loop")?.value.median).toBeGreaterThan(0);
    expect(figures.get("Parley, open loop at 100/s: ack p99")?.value.median).toBeGreaterThan(0);
    expect(
      figures.get("Parley, open loop at 100/s: entries per commit")?.value.median,
    ).toBeGreaterThanOrEqual(1);
    expect(figures.get("Parley, closed loop")?.ratios.map(({ to }) => to)).toContain(
      "node:sqlite, batches of 20",
    );
  });

  test("every server delivers to all of its clients", { timeout: 60_000 }, async () => {
    const figures = await figuresOf(fanOutBenchmark);
    for (const server of ["Parley", "ws", "connect-node"]) {
      expect(figures.get(`${server}, 16 events at once`)?.value.median).toBeGreaterThan(0);
    }
    expect(figures.get("Parley, 1 event at once: events per frame")?.value.median).toBe(1);
  });

  test("idle devices are held and weighed", { timeout: 60_000 }, async () => {
    const figures = await figuresOf(idleBenchmark);
    expect([...figures.keys()].filter((name) => name.endsWith(": heap"))).toEqual([
      "Parley: heap",
      "ws: heap",
      "connect-node: heap",
    ]);
  });

  test("starts are timed with a new and with an existing directory", { timeout: 60_000 }, async () => {
    const figures = await figuresOf(startBenchmark);
    expect(figures.get("Parley, new data directory")?.value.median).toBeGreaterThan(0);
    expect(figures.get("Parley, existing data directory")?.value.median).toBeGreaterThan(0);
  });
});

async function figuresOf(benchmark: Benchmark): Promise<ReadonlyMap<string, Figure>> {
  const findings = await benchmark.run(tiny, () => undefined);
  expect(findings.notes.length).toBeGreaterThan(0);
  return new Map(findings.figures.map((figure) => [figure.name, figure]));
}
