import type { Figure, Ratio } from "./benchmark.ts";
import { spreadOf } from "./statistics.ts";

/** Collects the values of several runs under their names, in the order in which they first came. */
export class FigureTable {
  readonly #values = new Map<string, { readonly unit: string; readonly values: number[] }>();
  readonly #ratios: { readonly name: string; readonly to: string }[] = [];

  /** Adds the value of one run. */
  add(name: string, unit: string, value: number): void {
    const figure = this.#values.get(name) ?? { unit, values: [] };
    figure.values.push(value);
    this.#values.set(name, figure);
  }

  /** States the first figure as a ratio to the second: run by run, so that both saw the same machine. */
  compare(name: string, to: string): void {
    this.#ratios.push({ name, to });
  }

  /** The medians and spreads. */
  figures(): Figure[] {
    return [...this.#values].map(([name, { unit, values }]) => ({
      name,
      unit,
      value: spreadOf(values),
      ratios: this.#ratios.filter((ratio) => ratio.name === name).map(({ to }) => this.#ratio(values, to)),
    }));
  }

  #ratio(values: readonly number[], to: string): Ratio {
    const others = this.#values.get(to)?.values ?? [];
    return { to, value: spreadOf(values.map((value, run) => value / (others[run] ?? Number.NaN))) };
  }
}
