import type { NodeReading } from "../../history/at-rest.ts";
import type { Metrics } from "../../kernel/metrics.ts";

/** Counts of all nodes of a simulation together, by the names that production gives them; and what each says of itself. */
export class SimMetrics {
  readonly #totals = new Map<string, number>();
  readonly #gauges = new Map<string, Map<string, () => number>>();

  /** For a process of a node; what an earlier one said of itself is gone. */
  of(nodeId: string): Metrics {
    const gauges = new Map<string, () => number>();
    this.#gauges.set(nodeId, gauges);
    return {
      counter: (name) => ({ add: (amount = 1) => this.#add(name, amount) }),
      gauge: () => ({ set: () => undefined }),
      observedGauge: (name, _help, read) => void gauges.set(name, read),
      histogram: (name) => ({ observe: () => this.#add(name, 1) }),
    };
  }

  /** What a node says of itself now. */
  reading(nodeId: string): NodeReading {
    const metrics = Array.from(this.#gauges.get(nodeId) ?? [], ([name, read]) => [name, read()] as const);
    return { nodeId, metrics: new Map(metrics) };
  }

  /** What a counter has counted over all labels, or how often a histogram was told something; 0 when nobody did. */
  total(name: string): number {
    return this.#totals.get(name) ?? 0;
  }

  #add(name: string, amount: number): void {
    this.#totals.set(name, this.total(name) + amount);
  }
}
