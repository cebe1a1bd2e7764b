import type { Mesh } from "../mesh/mesh.ts";

/** A load that is this much higher is no reason to go to another node. */
const loadMargin = 0.05;

/**
 * Where a device should attach: base URLs, best first. Nodes that take sessions, do not drain and can be reached, the one
 * with the least load first; this node before those that are hardly better, so that answers do not flap. When there is
 * none this node names itself.
 */
export function locateNodes(mesh: Pick<Mesh, "self" | "nodes" | "isUp">): readonly string[] {
  const self = mesh.self();
  const weight = (node: { readonly nodeId: string; readonly load: number }): number =>
    node.nodeId === self.nodeId ? node.load - loadMargin : node.load;
  const urls = mesh
    .nodes()
    .map((node) => (node.nodeId === self.nodeId ? self : node))
    .filter(({ nodeId, roles, draining, publicUrls }) => {
      return roles.includes("session") && !draining && publicUrls.length > 0 && mesh.isUp(nodeId);
    })
    .toSorted((one, other) => weight(one) - weight(other) || (one.nodeId < other.nodeId ? -1 : 1))
    .flatMap((node) => node.publicUrls.slice(0, 1));
  // With one candidate all of its addresses are of use: TLS first, then cleartext.
  if (urls.length === 0 || (urls.length === 1 && urls[0] === self.publicUrls[0])) return self.publicUrls;
  return urls;
}
