import type { Spread } from "./statistics.ts";

/** How long and how often everything is measured. */
export interface BenchSettings {
  /** Times that each figure is measured. */
  readonly runs: number;
  /** Seconds of one measured load. */
  readonly seconds: number;
  /** Streams that send, devices of the group, and devices that idle. */
  readonly senders: number;
  readonly members: number;
  readonly idleDevices: number;
  /** Sends per second of the open loop. */
  readonly sendsPerSecond: number;
  /** Rounds of one fan-out measurement. */
  readonly rounds: number;
  /** Pairs that send over three nodes. */
  readonly pairs: number;
  /** Devices that type to as many at the same node and to as many at another one. */
  readonly typists: number;
  /** Devices of the node that is killed. */
  readonly resumingDevices: number;
  /** Devices whose topics are joined between nodes. */
  readonly joiningDevices: number;
  /** Where profiles of the node's processor time are written; none when undefined. */
  readonly profileDirectory: string | undefined;
}

/** One line of a table: what was measured, on what, and how it compares. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: Spread;
  /** Beside which figures of the same run, and the ratio to each. */
  readonly ratios: readonly Ratio[];
}

/** One figure divided by another one. */
export interface Ratio {
  readonly to: string;
  readonly value: Spread;
}

/** The outcome of one benchmark. */
export interface Findings {
  readonly figures: readonly Figure[];
  /** Sentences on how things were set up and what stands out. */
  readonly notes: readonly string[];
}

/** Something that can be measured on its own. */
export interface Benchmark {
  /** For --only. */
  readonly name: string;
  readonly title: string;
  run(settings: BenchSettings, log: (line: string) => void): Promise<Findings>;
}
