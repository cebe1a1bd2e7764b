import { type Finding, startFinding } from "../../history/finding.ts";
import type { SimNode } from "./sim-node.ts";

/** What running nodes want to hear from others that do not know it, a sentence each. */
export function unknownInterest(nodes: readonly SimNode[]): string[] {
  return interest(nodes).flatMap(({ from, to, topic, isKnown }) =>
    isKnown ? [] : [`${to} does not know that ${from} wants to hear ${topic}`],
  );
}

/**
 * Whoever owns a topic knows all who want to hear of it. Nobody else would see that it does not, since the store check finds
 * what was not told; only later.
 */
export function checkInterest(nodes: readonly SimNode[]): Finding {
  const finding = startFinding("owners know who wants to hear their topics");
  for (const _ of interest(nodes)) finding.examine();
  for (const sentence of unknownInterest(nodes)) finding.violate(sentence);
  return finding.finish();
}

function interest(nodes: readonly SimNode[]) {
  const routers = nodes.flatMap(({ host, core }) =>
    core ? [{ nodeId: host.name, router: core.router }] : [],
  );
  return routers.flatMap((listener) =>
    routers.flatMap((owner) => {
      const known = owner.router.interestOf(listener.nodeId);
      const wanted = owner === listener ? [] : [...listener.router.joinsAt(owner.nodeId)];
      const pair = { from: listener.nodeId, to: owner.nodeId };
      return wanted.map((topic) => ({ ...pair, topic, isKnown: known.has(topic) }));
    }),
  );
}
