import type { Metrics } from "../kernel/metrics.ts";
import type { CallObserver } from "./call.ts";

/** Upper bounds of the duration histogram, in seconds. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Counts calls by method and code, and measures how long they took (streams: how long they lived). */
export function callMetrics(metrics: Metrics): CallObserver {
  const labels = ["method", "code"];
  const calls = metrics.counter("rpc_calls_total", "Calls that ended, by method and code", labels);
  const durations = metrics.histogram(
    "rpc_call_duration_seconds",
    "Time from the headers of a call to its end",
    durationBuckets,
    labels,
  );
  return (call, outcome) => {
    const values = { method: call.name, code: outcome.code };
    calls.add(1, values);
    durations.observe(outcome.durationMs / 1000, values);
  };
}
