import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  LinkState,
  type Node,
  type NodeLink,
  NodeLinkSchema,
  NodeSchema,
} from "../../../gen/parley/admin/v1/node_pb.ts";
import type { LinkStatus } from "../../mesh/links.ts";
import type { NodeRecord } from "../../mesh/node-record.ts";

/** What only the node itself knows. */
export interface NodeFigures {
  readonly attachedDevices: number;
  readonly topicsOwned: number;
  readonly links: readonly LinkStatus[];
  readonly storeEpoch: bigint;
}

/** A node as it is registered: it was not asked, or did not answer. */
export function registeredNode(record: NodeRecord): Node {
  return create(NodeSchema, shapeOf(record));
}

/** A node as it says itself. */
export function answeringNode(record: NodeRecord, figures: NodeFigures): Node {
  const { attachedDevices, topicsOwned, links, storeEpoch } = figures;
  return create(NodeSchema, {
    ...shapeOf(record),
    answered: true,
    attachedDevices,
    topicsOwned,
    storeEpoch,
    links: links.map(linkOf),
  });
}

function shapeOf(record: NodeRecord): MessageInitShape<typeof NodeSchema> {
  const { nodeId, incarnation, version, meshAddress, adminUrl, protocolMin, protocolMax } = record;
  const { draining, load } = record;
  return {
    nodeId,
    incarnation,
    version,
    meshAddress,
    adminUrl,
    protocolMin,
    protocolMax,
    draining,
    load,
    roles: [...record.roles],
    publicUrls: [...record.publicUrls],
  };
}

const states: Readonly<Record<LinkStatus["state"], LinkState>> = {
  connecting: LinkState.CONNECTING,
  up: LinkState.UP,
  suspected: LinkState.SUSPECTED,
  refused: LinkState.REFUSED,
};

function linkOf(link: LinkStatus): NodeLink {
  const { nodeId, epoch, unacknowledged, roundTripMs, reason } = link;
  return create(NodeLinkSchema, {
    nodeId,
    epoch,
    unacknowledged,
    state: states[link.state],
    reason: (reason ?? "").slice(0, 512),
    ...(roundTripMs === undefined ? {} : { roundTrip: durationOf(roundTripMs) }),
  });
}

/** Round trips are well below a second, so a fraction of a millisecond counts. */
function durationOf(ms: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1_000) * 1e6) };
}
