import { RefusedPeer, type SecuredConnection } from "../rpc/mutual-tls.ts";
import { certificateUri, type NodeName, nodeNameOf } from "./node-certificate.ts";

/** Judges the certificate of a connection that TLS has verified: the node that it names. Throws RefusedPeer. */
export function assertOwnCluster(
  { certificate }: Pick<SecuredConnection, "certificate">,
  self: NodeName,
): string {
  const name = nodeNameOf(certificate);
  if (name === undefined) {
    const uri = certificateUri(certificate) ?? "no URI";
    throw new RefusedPeer("no_node", `its certificate names no node: ${uri}`, certificate);
  }
  if (name.cluster === self.cluster) return name.nodeId;
  const message = `it is node ${name.nodeId} of cluster ${name.cluster}, and this is ${self.cluster}`;
  throw new RefusedPeer("other_cluster", message, certificate);
}

/** As `assertOwnCluster`, for a connection to a node that was found by its registration. */
export function assertNode(connection: SecuredConnection, self: NodeName, nodeId: string): void {
  const named = assertOwnCluster(connection, self);
  if (named === nodeId) return;
  const message = `node ${nodeId} was dialled, and the certificate is that of node ${named}`;
  throw new RefusedPeer("other_node", message, connection.certificate);
}
