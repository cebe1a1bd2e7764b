import { expect, test } from "vitest";
import { parseMetrics, sumOf } from "./metrics-page.ts";

test("sums the series of a metric, and tells one that is missing from one that is 0", () => {
  const page =
    '# HELP a_total x\n# TYPE a_total counter\na_total{k="one two"} 2\na_total{k="}"} 3\na 1\nzero 0\n';
  const metrics = parseMetrics(page);
  expect([sumOf(metrics, "a_total"), sumOf(metrics, "a"), sumOf(metrics, "zero")]).toEqual([5, 1, 0]);
  expect(sumOf(metrics, "none")).toBeUndefined();
});
