import { type Diagnosis, startDiagnosis } from "./diagnosis.ts";
import type { AdminObservation, HttpAnswer, Observations } from "./observation.ts";

/** Clocks that differ by less are taken as equal, in milliseconds: the Date header counts seconds. */
export const clockSkewMsMax = 2_000;

/** A node whose loop turns answers `/healthz` faster than this, in milliseconds. */
export const healthzMsMax = 1_000;

/** Every admin listener answers. */
export function checkAdminListeners({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("admin listener");
  for (const { url, healthz } of admins) {
    if (healthz.kind === "answered") continue;
    const advice = "is the node running there? Name an admin listener that this machine reaches by --admin";
    diagnosis.wrong(`nobody answers at ${url}: ${healthz.reason}`, advice);
  }
  return diagnosis.finish(`${admins.length} answer`);
}

/** Every node's event loop turns. */
export function checkHealth({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("healthz");
  for (const { url, answer } of answers(admins, "healthz")) {
    const { status, text, tookMs } = answer;
    if (status !== 200) {
      diagnosis.wrong(`${url}/healthz says ${status}: ${text}`, "is this a Parley node? Restart it if it is");
    } else if (tookMs > healthzMsMax) {
      const advice = "its event loop is blocked or its machine is overloaded: look at its CPU and its log";
      diagnosis.wrong(`${url}/healthz took ${Math.round(tookMs)} ms`, advice);
    }
  }
  return diagnosis.finish("every node that answers is alive");
}

/** Every node takes new clients. Draining and conflicts of ids have checks of their own. */
export function checkReadiness({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("readyz");
  for (const { url, answer } of answers(admins, "readyz")) {
    if (answer.status === 200 || isDraining(answer.text) || isConflict(answer.text)) continue;
    const advice = "wait if it has just started; else do what the reason says, and look at its log";
    diagnosis.wrong(`${url}/readyz says ${answer.status}: ${answer.text}`, advice);
  }
  return diagnosis.finish("every node that should takes new clients");
}

/** No two processes run under one node id. */
export function checkNodeIds({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("node ids");
  const advice = "two processes have the same node.id: give one another, or stop it";
  for (const { url, answer } of answers(admins, "readyz")) {
    if (isConflict(answer.text)) diagnosis.wrong(`${url}/readyz says: ${answer.text}`, advice);
  }
  const byId = Map.groupBy(admins.flatMap(selfOf), ({ nodeId }) => nodeId);
  for (const [nodeId, found] of byId) {
    const incarnations = new Set(found.map(({ incarnation }) => incarnation));
    if (incarnations.size < 2) continue;
    diagnosis.wrong(`${nodeId} answers at ${found.map(({ url }) => url).join(" and at ")}`, advice);
  }
  return diagnosis.finish("each node has an id of its own");
}

/** All clocks agree with this machine's. */
export function checkClocks({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("clocks");
  for (const { url, answer } of answers(admins, "healthz")) {
    const { aheadMs } = answer;
    if (aheadMs === undefined || Math.abs(aheadMs) <= clockSkewMsMax) continue;
    const text = `the clock behind ${url} is ${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? "ahead of" : "behind"} this one's`;
    diagnosis.wrong(
      text,
      "let all machines follow the same time server: tokens and shown times depend on it",
    );
  }
  return diagnosis.finish(`within ${clockSkewMsMax / 1000} s of this machine's`);
}

interface Answered {
  readonly url: string;
  readonly answer: Extract<HttpAnswer, { readonly kind: "answered" }>;
}

function answers(admins: readonly AdminObservation[], path: "healthz" | "readyz"): Answered[] {
  return admins.flatMap((admin) => {
    const answer = admin[path];
    return answer.kind === "answered" ? [{ url: admin.url, answer }] : [];
  });
}

/** Who answers at an admin listener, in which incarnation. */
function selfOf({ url, cluster }: AdminObservation) {
  if (cluster.kind === "silent") return [];
  const { nodeId, nodes } = cluster;
  const incarnation = nodes.find((node) => node.nodeId === nodeId)?.incarnation ?? "";
  return [{ url, nodeId, incarnation }];
}

function isDraining(text: string): boolean {
  return /\bdraining\b/i.test(text);
}

function isConflict(text: string): boolean {
  return /\bconflict\b/i.test(text);
}
