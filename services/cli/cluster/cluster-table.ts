import type { Duration } from "@bufbuild/protobuf/wkt";
import { LinkState, LinkStateSchema, type Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import { textTable } from "../text-table.ts";

/** Characters of an incarnation that are shown: enough to see that it has changed. */
const incarnationShown = 8;

const head = [
  "node",
  "state",
  "roles",
  "incarnation",
  "clients",
  "attached",
  "load",
  "topics",
  "links",
  "round trip",
  "epoch",
  "version",
];

/** A node's state in a word or two. */
export function nodeState(node: Node): "up" | "draining" | "no answer" {
  if (!node.answered) return "no answer";
  return node.draining ? "draining" : "up";
}

/** A cluster for people: a line per node, then one per link that is not up. The node that was asked has a `*`. */
export function clusterTable(nodes: readonly Node[], askedId: string): string[] {
  return [
    ...textTable(
      head,
      nodes.map((node) => cells(node, askedId)),
    ),
    ...nodes.flatMap(brokenLinks),
  ];
}

function cells(node: Node, askedId: string): string[] {
  const known = (text: string): string => (node.answered ? text : "-");
  const up = node.links.filter(({ state }) => state === LinkState.UP).length;
  return [
    `${node.nodeId}${node.nodeId === askedId ? " *" : ""}`,
    nodeState(node),
    node.roles.join(","),
    node.incarnation.slice(-incarnationShown),
    node.publicUrls[0] ?? "-",
    known(String(node.attachedDevices)),
    `${Math.round(node.load * 100)} %`,
    known(String(node.topicsOwned)),
    known(`${up}/${node.links.length}`),
    slowestRoundTrip(node),
    known(String(node.storeEpoch)),
    node.version,
  ];
}

function slowestRoundTrip({ links }: Node): string {
  const trips = links.flatMap(({ roundTrip }) => (roundTrip === undefined ? [] : [milliseconds(roundTrip)]));
  return trips.length === 0 ? "-" : `${Math.max(...trips).toFixed(1)} ms`;
}

/** With its fraction, which protobuf's `durationMs` leaves out: on one machine there is little else. */
function milliseconds({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1000 + nanos / 1_000_000;
}

function brokenLinks(node: Node): string[] {
  return node.links
    .filter(({ state }) => state !== LinkState.UP)
    .map(({ nodeId, state, reason }) => {
      const why = reason === "" ? "" : `: ${reason}`;
      return `${node.nodeId} > ${nodeId} is ${linkStateText(state)}${why}`;
    });
}

/** `suspected`, `refused`, …; a state of a newer node is named by its number. */
export function linkStateText(state: LinkState): string {
  return LinkStateSchema.value[state]?.localName.toLowerCase() ?? `in state ${String(state)}`;
}
