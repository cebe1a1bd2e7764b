import * as prometheus from "prom-client";
import type { Metrics } from "./metrics.ts";

const prefix = "parley_";

/** Measurements that can be scraped. */
export interface PrometheusMetrics extends Metrics {
  /** The page for a scraper, in the text format of Prometheus. */
  render(): Promise<string>;
  /** What the page calls itself in `content-type`. */
  readonly contentType: string;
}

/** What is measured beside what the parts of a node ask for. */
export interface PrometheusOptions {
  /** Memory, CPU, event-loop delay and garbage collection of the process; off when unset. */
  readonly processMetrics?: boolean;
}

/**
 * Creates the metrics of one node, in a registry of its own. Asking for a known name with another kind of
 * instrument throws, because one of the two callers is wrong.
 */
export function prometheusMetrics(options: PrometheusOptions = {}): PrometheusMetrics {
  const registry = new prometheus.Registry();
  if (options.processMetrics === true) prometheus.collectDefaultMetrics({ register: registry, prefix });
  const known = new Map<string, prometheus.Metric>();
  const registers = [registry];

  /** The instrument of that name and class, created at the first request. */
  const instrument = <T extends prometheus.Metric>(
    name: string,
    kind: new (...args: never[]) => T,
    create: () => T,
  ): T => {
    const existing = known.get(name);
    if (existing instanceof kind) return existing;
    if (existing !== undefined) throw new Error(`the metric ${prefix}${name} exists already as another kind`);
    const created = create();
    known.set(name, created);
    return created;
  };

  return {
    contentType: registry.contentType,
    render: () => registry.metrics(),
    counter(name, help, labels = []) {
      const create = () =>
        new prometheus.Counter({ name: prefix + name, help, labelNames: [...labels], registers });
      const counter = instrument(name, prometheus.Counter, create);
      return { add: (amount = 1, values = {}) => counter.inc(values, amount) };
    },
    gauge(name, help, labels = []) {
      const create = () =>
        new prometheus.Gauge({ name: prefix + name, help, labelNames: [...labels], registers });
      const gauge = instrument(name, prometheus.Gauge, create);
      return { set: (value, values = {}) => gauge.set(values, value) };
    },
    observedGauge(name, help, read) {
      const collect = function (this: prometheus.Gauge): void {
        this.set(read());
      };
      instrument(
        name,
        prometheus.Gauge,
        () => new prometheus.Gauge({ name: prefix + name, help, registers, collect }),
      );
    },
    histogram(name, help, buckets, labels = []) {
      const settings = {
        name: prefix + name,
        help,
        buckets: [...buckets],
        labelNames: [...labels],
        registers,
      };
      const histogram = instrument(name, prometheus.Histogram, () => new prometheus.Histogram(settings));
      return { observe: (value, values = {}) => histogram.observe(values, value) };
    },
  };
}
