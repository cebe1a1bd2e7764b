import { expect, test } from "vitest";
import { prometheusMetrics } from "../../kernel/prometheus-metrics.ts";
import { pageBytesMax, parseGauges, readPage } from "./metrics-page.ts";

test("a page says what a node has measured, among whatever else it measures", async () => {
  const metrics = prometheusMetrics({ processMetrics: true });
  metrics.gauge("coordinator_available", "…").set(0);
  metrics.observedGauge("store_away", "…", () => 1);
  metrics.observedGauge("store_away_peers", "…", () => 0);
  const expiry = metrics.gauge("certificate_expiry_timestamp_seconds", "…", ["port"]);
  expiry.set(1_700_000_000.5, { port: "mesh" });
  expiry.set(1_800_000_000, { port: "tls" });
  expect(parseGauges(await metrics.render())).toEqual({
    coordinatorAvailable: false,
    storeAway: true,
    certificates: [
      { port: "mesh", untilMs: 1_700_000_000_500 },
      { port: "tls", untilMs: 1_800_000_000_000 },
    ],
  });
});

test("a page without these gauges, or with what is no number, leaves them unset", () => {
  const page = "<html>\nparley_coordinator_available NaN\nparley_store_away\nparley_store_away much\n";
  expect(parseGauges(page)).toEqual({
    coordinatorAvailable: undefined,
    storeAway: undefined,
    certificates: [],
  });
});

test("a page without end is read to its limit, cut at a whole line, and given up", async () => {
  const line = new TextEncoder().encode(`${"x".repeat(1_000)}\n`);
  let cancelled = false;
  let pulledBytes = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulledBytes += line.length;
      controller.enqueue(line);
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const page = await readPage(new Response(endless));
  expect(page.length).toBe(pageBytesMax - (pageBytesMax % line.length));
  expect(cancelled).toBe(true);
  // A few lines are waiting when it stops.
  expect(pulledBytes).toBeLessThan(pageBytesMax + 10 * line.length);
});
