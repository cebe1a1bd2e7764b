/** A figure measured several times: its median, and the smallest and largest value as its spread. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The spread of at least one value. Throws a RangeError when there is none. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: percentile(values, 0.5), least: percentile(values, 0), most: percentile(values, 1) };
}

/** The value below which a share (0 to 1) of the values lies, by nearest rank. Throws a RangeError when there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new RangeError("there is no percentile of no values");
  return value;
}

/** How long calls took, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Sums up latencies in milliseconds; throws a RangeError when there are none. */
export function latencyOf(values: readonly number[]): Latency {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), most: percentile(values, 1) };
}
