import { type LinkHello, LinkRefusalReason } from "../../gen/parley/mesh/v1/link_pb.ts";
import { commonProtocol, formatProtocolRange } from "./link-protocol.ts";
import type { NodeRecord } from "./node-record.ts";

/** Why a link cannot be. */
export interface Refusal {
  readonly reason: LinkRefusalReason;
  /** A sentence for people. */
  readonly message: string;
}

/** Characters of an id and of an incarnation. */
const idCharactersMax = 64;

/**
 * Judges how a node introduces itself to `self`: with the protocol to speak, or with a refusal. `provenNodeId` is the node
 * that its certificate names, where nodes have certificates. Pure.
 */
export function judgeHello(
  hello: LinkHello,
  self: NodeRecord | undefined,
  provenNodeId?: string,
): number | Refusal {
  const { nodeId, incarnation } = hello;
  const isNamed = [nodeId, incarnation].every((id) => id.length > 0 && id.length <= idCharactersMax);
  if (!isNamed || hello.epoch === 0n) return malformed("the hello names no node, incarnation or epoch");
  if (provenNodeId !== undefined && provenNodeId !== nodeId) {
    const message = `the hello is of node ${nodeId}, and the certificate of the connection is that of node ${provenNodeId}`;
    return { reason: LinkRefusalReason.IDENTITY, message };
  }
  if (hello.toNodeId !== self?.nodeId || hello.toIncarnation !== self.incarnation)
    return wrongNode(hello, self);
  const [theirs, own] = [
    { min: hello.protocolMin, max: hello.protocolMax },
    { min: self.protocolMin, max: self.protocolMax },
  ];
  const protocol = commonProtocol(theirs, own);
  if (protocol !== undefined) return protocol;
  const message =
    `node ${nodeId} of version ${hello.version} speaks link protocol ${formatProtocolRange(theirs)}, ` +
    `node ${self.nodeId} of version ${self.version} speaks ${formatProtocolRange(own)}: ` +
    "upgrade in steps, so that neighbours have one in common";
  return { reason: LinkRefusalReason.PROTOCOL, message };
}

/** A frame broke the rules. */
export function malformed(message: string): Refusal {
  return { reason: LinkRefusalReason.MALFORMED, message };
}

function wrongNode({ toNodeId, toIncarnation }: LinkHello, self: NodeRecord | undefined): Refusal {
  const own =
    self === undefined
      ? "a node that is not registered"
      : `node ${self.nodeId}, incarnation ${self.incarnation}`;
  const message = `the link is for node ${toNodeId}, incarnation ${toIncarnation}; this is ${own}`;
  return { reason: LinkRefusalReason.WRONG_NODE, message };
}
