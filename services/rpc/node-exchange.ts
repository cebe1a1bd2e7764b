import type {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";

/** A request of node's http or http2 server; connect-node does not export its own name for it. */
export type NodeServerRequest = Parameters<typeof universalRequestFromNodeRequest>[0];

/** A response of node's http or http2 server. */
export type NodeServerResponse = Parameters<typeof universalResponseToNodeResponse>[1];
