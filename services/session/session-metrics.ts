import type { Counter, Metrics } from "../kernel/metrics.ts";

/** The instruments of a node's attached streams. */
export interface SessionMetrics {
  readonly opens: Counter;
  readonly closes: Counter;
  readonly events: Counter;
  readonly frames: Counter;
  readonly bytes: Counter;
  readonly retransmissions: Counter;
  readonly sends: Counter;
  readonly slices: Counter;
}

/** What is read when the metrics are scraped. */
export interface SessionGauges {
  readonly attached: () => number;
  readonly opening: () => number;
  readonly unacknowledged: () => number;
}

/** Creates the counters; asking twice gives the same ones. */
export function createSessionMetrics(metrics: Metrics): SessionMetrics {
  const counter = (name: string, help: string, labels?: readonly string[]): Counter =>
    metrics.counter(`session_${name}_total`, help, labels);
  return {
    opens: counter("opens", "Streams asked for, by outcome", ["outcome"]),
    closes: counter("closes", "Streams that ended, by reason", ["reason"]),
    events: counter("events_sent", "Events written to devices, retransmissions included"),
    frames: counter("frames_sent", "Frames written to devices"),
    bytes: counter("bytes_sent", "Bytes of frames written to devices"),
    retransmissions: counter("retransmissions", "Events to be sent again for want of an acknowledgement"),
    sends: counter("sends", "Sends on streams, by outcome", ["outcome"]),
    slices: counter("pump_slices", "Turns of the loop in which a stream was served"),
  };
}

/** Registers the gauges of one registry of sessions. */
export function observeSessions(metrics: Metrics, gauges: SessionGauges): void {
  metrics.observedGauge("session_attached", "Attached devices", gauges.attached);
  metrics.observedGauge("session_opening", "Streams that are opening", gauges.opening);
  metrics.observedGauge("session_unacknowledged", "Events sent and not acknowledged", gauges.unacknowledged);
}
