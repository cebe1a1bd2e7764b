import type { Metrics } from "../../kernel/metrics.ts";

/** Counts of all nodes of a simulation together, by the names that production gives them. */
export class SimMetrics implements Metrics {
  readonly #totals = new Map<string, number>();

  /** What a counter has counted over all labels, or how often a histogram was told something; 0 when nobody did. */
  total(name: string): number {
    return this.#totals.get(name) ?? 0;
  }

  counter(name: string): ReturnType<Metrics["counter"]> {
    return { add: (amount = 1) => this.#add(name, amount) };
  }

  gauge(): ReturnType<Metrics["gauge"]> {
    return { set: () => undefined };
  }

  observedGauge(): void {
    // Nobody scrapes a simulation.
  }

  histogram(name: string): ReturnType<Metrics["histogram"]> {
    return { observe: () => this.#add(name, 1) };
  }

  #add(name: string, amount: number): void {
    this.#totals.set(name, this.total(name) + amount);
  }
}
