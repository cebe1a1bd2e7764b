import { describe, expect, test } from "vitest";
import type { Benchmark, BenchSettings, Figure } from "./benchmark.ts";
import { coordinatorWritesBenchmark } from "./coordinator-writes/coordinator-writes.ts";
import { fanOutBenchmark } from "./fan-out/fan-out.ts";
import { idleBenchmark } from "./idle/idle.ts";
import { meshHopBenchmark } from "./mesh-hop/mesh-hop.ts";
import { meshSendsBenchmark } from "./mesh-sends/mesh-sends.ts";
import { resumesBenchmark } from "./resumes/resumes.ts";
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
  pairs: 4,
  typists: 6,
  resumingDevices: 4,
  joiningDevices: 6,
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

  test("signals cross from node to node, beside calls and echoes", { timeout: 90_000 }, async () => {
    const figures = await figuresOf(meshHopBenchmark);
    for (const way of [
      "typing at one node",
      "typing across two nodes",
      "typing across two nodes, mutual TLS",
      "grpc-js unary, there",
      "http2 echo, there",
    ]) {
      expect(figures.get(`${way}: p50`)?.value.median).toBeGreaterThan(0);
    }
    expect(figures.get("typing at one node, under load: crossings")?.value.median).toBe(0);
    expect(figures.get("typing across two nodes, under load: crossings")?.value.median).toBeCloseTo(1, 1);
    expect(figures.get("hop: p50")?.ratios.map(({ to }) => to)).toEqual([
      "grpc-js unary, there: p50",
      "http2 echo, there: p50",
    ]);
  });

  test("pairs at different nodes get one another's sends, beside one node", { timeout: 90_000 }, async () => {
    const figures = await figuresOf(meshSendsBenchmark);
    for (const setUp of ["three nodes", "one node"]) {
      expect(figures.get(`${setUp}, closed loop`)?.value.median).toBeGreaterThan(0);
      expect(figures.get(`${setUp}, open loop at 100/s: ack p99`)?.value.median).toBeGreaterThan(0);
    }
    expect(figures.get("three nodes, closed loop")?.ratios.map(({ to }) => to)).toEqual([
      "one node, closed loop",
    ]);
  });

  test("devices of a killed node come back and get what they missed", { timeout: 90_000 }, async () => {
    const figures = await figuresOf(resumesBenchmark);
    expect(figures.get("Parley: resumes per second and core")?.value.median).toBeGreaterThan(0);
    expect(figures.get("Parley: processor time of a resume")?.ratios).toHaveLength(2);
  });

  test("a node that joins writes to the coordinator, and devices do not", { timeout: 90_000 }, async () => {
    const figures = await figuresOf(coordinatorWritesBenchmark);
    const median = (name: string): number | undefined => figures.get(name)?.value.median;
    expect(median("a node joins: its own writes")).toBeGreaterThanOrEqual(1);
    expect(median("a node is drained: its own writes")).toBeGreaterThanOrEqual(1);
    expect(median("6 devices attach: topics joined at other nodes")).toBeGreaterThan(0);
    expect(median("6 devices attach: other writes")).toBe(0);
  });
});

async function figuresOf(benchmark: Benchmark): Promise<ReadonlyMap<string, Figure>> {
  const findings = await benchmark.run(tiny, () => undefined);
  expect(findings.notes.length).toBeGreaterThan(0);
  return new Map(findings.figures.map((figure) => [figure.name, figure]));
}
