import { LinkRefusalReason } from "../../gen/parley/mesh/v1/link_pb.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { CallOutcome, LinkStatus } from "./links.ts";

/** Why an epoch began. */
export type EpochCause = "opened" | "overflow" | "forgotten";

/** What links measure. */
export interface LinkMetrics {
  frameSent(): void;
  itemsSent(count: number, resent: number): void;
  hintsDropped(count: number): void;
  epochBegun(cause: EpochCause): void;
  called(outcome: CallOutcome["kind"]): void;
  refused(by: "self" | "other", reason: LinkRefusalReason): void;
}

/** Reasons as metrics have them. A newer node may have others. */
const refusalWords: Readonly<Record<number, string>> = {
  [LinkRefusalReason.PROTOCOL]: "protocol",
  [LinkRefusalReason.WRONG_NODE]: "wrong_node",
  [LinkRefusalReason.MALFORMED]: "malformed",
  [LinkRefusalReason.IDENTITY]: "identity",
};

/** Creates the instruments; `read` is asked for the links at each scrape. */
export function createLinkMetrics(metrics: Metrics, read: () => readonly LinkStatus[]): LinkMetrics {
  const counter = (name: string, help: string, ...labels: string[]) =>
    metrics.counter(`link_${name}_total`, help, labels);
  const items = counter("items_sent", "Numbered items written to other nodes, repetitions included");
  const resent = counter("items_resent", "Items that were written again on another stream");
  const frames = counter("frames_sent", "Frames with items, hints or calls, written to other nodes");
  const hints = counter("hints_dropped", "Ephemeral events dropped because a node did not keep up");
  const epochs = counter("epochs", "Epochs of links to other nodes, by why they began", "cause");
  const calls = counter("calls", "Calls to other nodes, by outcome", "outcome");
  const refusals = counter(
    "refusals",
    "Links that were refused, by this node or the other one, and why",
    "by",
    "reason",
  );
  const count = (state: LinkStatus["state"]): number =>
    read().filter((status) => status.state === state).length;
  metrics.observedGauge("link_up", "Other nodes to which the link is up", () => count("up"));
  metrics.observedGauge("link_suspected", "Other nodes that do not answer in time", () => count("suspected"));
  metrics.observedGauge("link_unacknowledged", "Items that other nodes have not acknowledged", () =>
    read().reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
  );
  return {
    frameSent: () => frames.add(),
    itemsSent: (sent, again) => {
      items.add(sent);
      if (again > 0) resent.add(again);
    },
    hintsDropped: (dropped) => {
      if (dropped > 0) hints.add(dropped);
    },
    epochBegun: (cause) => epochs.add(1, { cause }),
    called: (outcome) => calls.add(1, { outcome }),
    refused: (by, reason) => refusals.add(1, { by, reason: refusalWords[reason] ?? "unknown" }),
  };
}
