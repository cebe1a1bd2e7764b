import { LinkState, type Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import { linkStateText } from "../cluster/cluster-table.ts";
import { type Diagnosis, startDiagnosis } from "./diagnosis.ts";
import { knownNodes, type Observations } from "./observation.ts";

/** Every node can be asked about its cluster, and all know of the same nodes. */
export function checkMembership({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("membership");
  const views = new Map<string, string[]>();
  for (const { url, healthz, cluster } of admins) {
    // The check of admin listeners has told that nobody is there.
    if (healthz.kind === "silent") continue;
    if (cluster.kind === "silent") {
      const advice = "is it a node of a version with AdminService? Look at its log";
      diagnosis.wrong(`${url} does not say which nodes there are: ${cluster.reason}`, advice);
      continue;
    }
    const view = cluster.nodes.map(({ nodeId }) => nodeId).join(", ");
    views.set(view, [...(views.get(view) ?? []), cluster.nodeId]);
  }
  if (views.size > 1) {
    const told = [...views].map(
      ([view, by]) => `${by.join(" and ")} ${by.length > 1 ? "know" : "knows"} of ${view}`,
    );
    const advice =
      "do all use the same coordinator.url, and do they reach it? A node that has just started needs a moment";
    diagnosis.wrong(told.join("; "), advice);
  }
  return diagnosis.finish("all know of the same nodes");
}

/** Every node that is registered answers the others. */
export function checkAnswers(observations: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("answers");
  for (const { nodeId, answered, meshAddress } of knownNodes(observations)) {
    if (answered) continue;
    const advice = `it was killed, hangs, or is cut off: look at its process and at what lies between the nodes and ${meshAddress}`;
    diagnosis.wrong(`${nodeId} is registered and does not answer`, advice);
  }
  return diagnosis.finish("every node that is registered answers");
}

/** Every node has a link to every other one, both ways, and it is up. */
export function checkLinks(observations: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("links");
  // Of a node that does not answer nothing is known, and another check has told that.
  const nodes = knownNodes(observations).filter(({ answered }) => answered);
  for (const from of nodes) {
    for (const to of nodes) {
      const problem = from === to ? undefined : linkProblem(from, to);
      if (problem !== undefined)
        diagnosis.wrong(`${from.nodeId} > ${to.nodeId} ${problem}`, linkAdvice(from, to));
    }
  }
  return diagnosis.finish(`all ${nodes.length * (nodes.length - 1)} are up`);
}

function linkProblem(from: Node, to: Node): string | undefined {
  const link = from.links.find(({ nodeId }) => nodeId === to.nodeId);
  if (link === undefined) return "is missing";
  if (link.state === LinkState.UP) return undefined;
  return `is ${linkStateText(link.state)}${link.reason === "" ? "" : `: ${link.reason}`}`;
}

function linkAdvice(from: Node, to: Node): string {
  return `can the machine of ${from.nodeId} reach ${to.meshAddress}? Messages take another way meanwhile, and arrive within 5 s`;
}

/** All nodes speak a common link protocol; versions may differ while a cluster is updated. */
export function checkVersions(observations: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("versions");
  const nodes = knownNodes(observations);
  const oldest = Math.min(...nodes.map(({ protocolMax }) => protocolMax));
  for (const { nodeId, protocolMin } of nodes) {
    if (protocolMin <= oldest) continue;
    const advice = "update the older nodes one version at a time: neighbouring versions work together";
    diagnosis.wrong(
      `${nodeId} speaks link protocol ${protocolMin} and newer, another node none above ${oldest}`,
      advice,
    );
  }
  const byVersion = Map.groupBy(nodes, ({ version }) => version);
  if (byVersion.size > 1) {
    const told = [...byVersion].map(
      ([version, of]) => `${version} (${of.map(({ nodeId }) => nodeId).join(", ")})`,
    );
    diagnosis.note(`there are several: ${told.join(", ")}`, "finish the update, unless it is under way");
  }
  return diagnosis.finish([...byVersion.keys()].join("") || "none known");
}

/** No node drains. */
export function checkDraining(observations: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("draining");
  for (const { nodeId, draining, attachedDevices } of knownNodes(observations)) {
    if (!draining) continue;
    const text = `${nodeId} drains, and has ${attachedDevices} devices`;
    diagnosis.note(text, `if that is not meant: npx parley undrain ${nodeId}`);
  }
  return diagnosis.finish("no node drains");
}

/** There is somebody to take clients, and somebody to own topics. */
export function checkRoles(observations: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("roles");
  const serving = knownNodes(observations).filter(({ answered, draining }) => answered && !draining);
  for (const [role, what] of [
    ["session", "takes clients' streams"],
    ["owner", "appends to conversations"],
  ] as const) {
    if (serving.length === 0 || serving.some(({ roles }) => roles.includes(role))) continue;
    diagnosis.wrong(`no node ${what}`, `give at least one the role ${role}, by node.roles`);
  }
  return diagnosis.finish("there are nodes for each");
}
