/** A count that only grows. */
export interface Counter {
  add(amount?: number, labels?: Readonly<Record<string, string>>): void;
}

/** A value that goes up and down. */
export interface Gauge {
  set(value: number, labels?: Readonly<Record<string, string>>): void;
}

/** A distribution, in the unit that its name ends with. */
export interface Histogram {
  observe(value: number, labels?: Readonly<Record<string, string>>): void;
}

/**
 * Where measurements go. Names are Prometheus style and get the prefix `parley_`; asking twice for a
 * name gives the same instrument. Each node has its own registry, so two nodes fit in one process.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** `read` is called at each scrape. */
  observedGauge(name: string, help: string, read: () => number): void;
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Histogram;
}

const ignore = (): void => undefined;

/** Measures nothing, for tests that do not look. */
export const silentMetrics: Metrics = {
  counter: () => ({ add: ignore }),
  gauge: () => ({ set: ignore }),
  observedGauge: ignore,
  histogram: () => ({ observe: ignore }),
};
