import { describe, expect, test } from "vitest";
import { prometheusMetrics } from "./prometheus-metrics.ts";

describe("prometheusMetrics", () => {
  test("instruments appear on the page with prefix, help, labels and values", async () => {
    const metrics = prometheusMetrics();
    metrics.counter("sends_total", "Sends.", ["outcome"]).add(2, { outcome: "committed" });
    metrics.gauge("devices", "Attached devices.").set(7);
    metrics.histogram("ack_ms", "Acks.", [1, 10]).observe(5);
    const page = await metrics.render();
    expect(page).toContain("# HELP parley_sends_total Sends.");
    expect(page).toContain('parley_sends_total{outcome="committed"} 2');
    expect(page).toContain("parley_devices 7");
    expect(page).toContain('parley_ack_ms_bucket{le="10"} 1');
    expect(metrics.contentType).toContain("text/plain");
  });

  test("asking twice for a name gives the same instrument, and another kind is refused", async () => {
    const metrics = prometheusMetrics();
    metrics.counter("a_total", "A.").add();
    metrics.counter("a_total", "A.").add();
    expect(await metrics.render()).toContain("parley_a_total 2");
    expect(() => metrics.gauge("a_total", "A.")).toThrow("parley_a_total exists already");
  });

  test("an observed gauge is read at each scrape", async () => {
    const metrics = prometheusMetrics();
    let depth = 0;
    metrics.observedGauge("queue_depth", "Depth.", () => (depth += 1));
    expect(await metrics.render()).toContain("parley_queue_depth 1");
    expect(await metrics.render()).toContain("parley_queue_depth 2");
  });

  test("two nodes in one process keep their figures apart", async () => {
    const [one, two] = [prometheusMetrics(), prometheusMetrics()];
    one.gauge("devices", "Devices.").set(1);
    two.gauge("devices", "Devices.").set(2);
    expect(await one.render()).toContain("parley_devices 1");
    expect(await two.render()).toContain("parley_devices 2");
  });

  test("process metrics, event-loop delay among them, are there when asked for", async () => {
    expect(await prometheusMetrics({ processMetrics: true }).render()).toContain(
      "parley_nodejs_eventloop_lag_p99_seconds",
    );
    expect(await prometheusMetrics().render()).not.toContain("nodejs");
  });
});
