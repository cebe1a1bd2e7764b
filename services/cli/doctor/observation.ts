import type { Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import type { BackendExamination } from "../../node/examine-backends.ts";
import type { NodeGauges } from "./metrics-page.ts";

/** What an HTTP request came to. */
export type HttpAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly text: string;
      readonly tookMs: number;
      /** By how much the clock of the other machine is ahead of this one's, in milliseconds; unset without a Date header. */
      readonly aheadMs: number | undefined;
    }
  /** Nobody answered, or not in time: why, for people. */
  | { readonly kind: "silent"; readonly reason: string };

/** What a node said about its cluster. */
export type ClusterAnswer =
  | { readonly kind: "answered"; readonly nodeId: string; readonly nodes: readonly Node[] }
  | { readonly kind: "silent"; readonly reason: string };

/** What a node measures of itself. */
export type MetricsAnswer =
  | { readonly kind: "read"; readonly gauges: NodeGauges }
  | { readonly kind: "silent"; readonly reason: string };

/** An admin listener, seen from outside. */
export interface AdminObservation {
  readonly url: string;
  readonly healthz: HttpAnswer;
  readonly readyz: HttpAnswer;
  readonly cluster: ClusterAnswer;
  readonly metrics: MetricsAnswer;
}

/** What a read of the store through a node came to. */
export type StoreAnswer =
  /** The node has looked into the store and answered. */
  | { readonly kind: "read" }
  /** The node says that it cannot. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Nothing that says how the store is: a limit, a node that does not answer. */
  | { readonly kind: "unknown"; readonly reason: string };

/** An address for clients, seen from outside. */
export interface PublicObservation {
  readonly url: string;
  /** Of whose list of addresses it is; undefined for one that the caller named. */
  readonly nodeId: string | undefined;
  readonly answer: HttpAnswer;
  readonly store: StoreAnswer;
}

/** Everything that the checks look at. */
export interface Observations {
  readonly admins: readonly AdminObservation[];
  readonly publics: readonly PublicObservation[];
  /** When they were made by the clock of this machine, in milliseconds since 1970. */
  readonly atMs: number;
  /** The servers that the settings here name, as they were found from here; unset when nobody looked. */
  readonly backends?: BackendExamination;
}

/** Every node that any of those asked knows of, once: as it answered, if it did to anybody. */
export function knownNodes({ admins }: Pick<Observations, "admins">): readonly Node[] {
  const nodes = new Map<string, Node>();
  for (const { cluster } of admins) {
    if (cluster.kind === "silent") continue;
    for (const node of cluster.nodes) {
      if (node.answered || !nodes.has(node.nodeId)) nodes.set(node.nodeId, node);
    }
  }
  return [...nodes.values()].sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
}
