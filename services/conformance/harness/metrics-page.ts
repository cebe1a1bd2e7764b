/** With what the names of all metrics begin. */
const prefix = "parley_";

/** Reads the metrics of a node: the value of each series, by its name and labels as they stand on the page. */
export async function readMetrics(adminUrl: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${adminUrl}/metrics`);
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  return parseMetrics(await response.text());
}

/** The metrics that are Parley's own, by their names without the prefix. */
export async function readOwnMetrics(adminUrl: string): Promise<ReadonlyMap<string, number>> {
  const own = [...(await readMetrics(adminUrl))].filter(([series]) => series.startsWith(prefix));
  return new Map(own.map(([series, value]) => [series.slice(prefix.length), value]));
}

/** Reads a page in Prometheus' text format. */
export function parseMetrics(page: string): ReadonlyMap<string, number> {
  const series = page.split("\n").flatMap((line) => {
    const found = /^(?<name>[a-zA-Z_:][\w:]*(?:\{.*\})?) (?<value>\S+)/.exec(line)?.groups;
    return found?.["name"] === undefined ? [] : [[found["name"], Number(found["value"])] as const];
  });
  return new Map(series);
}

/** The sum over all series of one metric; undefined when the page has none of it. */
export function sumOf(metrics: ReadonlyMap<string, number>, name: string): number | undefined {
  const values = [...metrics].filter(([series]) => series === name || series.startsWith(`${name}{`));
  return values.length === 0 ? undefined : values.reduce((sum, [, value]) => sum + value, 0);
}
