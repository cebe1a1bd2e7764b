import type { NodeRecord } from "../../mesh/node-record.ts";
import { type AdminDeps, adminCallMsMax } from "./admin-deps.ts";

/** A question to every node. */
export interface NodeQuestion<Answer> {
  /** The name of the call between nodes, and what it carries. */
  readonly name: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What this node says. */
  readonly own: Answer;
  readonly parse: (body: Uint8Array) => Answer;
  /** What stands for a node that did not answer within `adminCallMsMax`, and why it did not. */
  readonly silent: (record: NodeRecord, reason: string) => Answer;
}

/** What every listed node says, this one included, by node id. */
export async function askEveryNode<Answer extends { readonly nodeId: string }>(
  { mesh }: Pick<AdminDeps, "mesh">,
  { name, body, own, parse, silent }: NodeQuestion<Answer>,
): Promise<Answer[]> {
  const self = mesh.self().nodeId;
  const ask = async (record: NodeRecord): Promise<Answer> => {
    const outcome = await mesh.call(record.nodeId, { name, body, timeoutMs: adminCallMsMax });
    return outcome.kind === "answered" ? parse(outcome.body) : silent(record, outcome.message);
  };
  const others = mesh.nodes().filter(({ nodeId }) => nodeId !== self);
  const answers = [own, ...(await Promise.all(others.map(ask)))];
  return answers.sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
}
