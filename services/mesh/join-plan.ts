import { type JoinBulk, NodeJoins } from "./node-joins.ts";

/** How long a topic stays joined after it is wanted no more, in milliseconds: devices come back, and rings flap. */
export const leaveDelayMs = 5_000;

const nowhere: readonly string[] = [];

/**
 * The requester's side of interest: which topics this node has to join at which other nodes, and what remains to be said
 * for it. Who owns a topic is decided outside and told to `want`.
 */
export class JoinPlan {
  /** Where each wanted topic is to be joined. */
  readonly #targets = new Map<string, readonly string[]>();
  readonly #nodes = new Map<string, NodeJoins>();

  /** How many joins stand or are to be made, over all nodes. */
  get joinCount(): number {
    let count = 0;
    for (const node of this.#nodes.values()) count += node.size;
    return count;
  }

  /** The topics that are wanted. `want` and `unwant` may be called meanwhile. */
  topics(): IterableIterator<string> {
    return this.#targets.keys();
  }

  /** The nodes at which something is joined, or was. */
  nodeIds(): IterableIterator<string> {
    return this.#nodes.keys();
  }

  /** How many topics are still to be joined at the node. */
  toJoin(nodeId: string): number {
    return this.#nodes.get(nodeId)?.toJoin ?? 0;
  }

  /** What the node is to know of, once everything was said. */
  topicsAt(nodeId: string): ReadonlySet<string> {
    return this.#nodes.get(nodeId)?.topics() ?? new Set();
  }

  /** The topic is wanted, at these nodes and from now on at no others. */
  want(topic: string, nodeIds: readonly string[], nowMs: number): void {
    const before = this.#targets.get(topic);
    this.#targets.set(topic, nodeIds);
    for (const nodeId of nodeIds) this.#joinsAt(nodeId).want(topic);
    if (before !== undefined) this.#leaveOthers(topic, before, nodeIds, nowMs);
  }

  /** The topic is wanted no more. */
  unwant(topic: string, nowMs: number): void {
    const before = this.#targets.get(topic);
    if (!this.#targets.delete(topic) || before === undefined) return;
    this.#leaveOthers(topic, before, nowhere, nowMs);
  }

  /** The node has lost everything that it was told. */
  reset(nodeId: string): void {
    this.#nodes.get(nodeId)?.reset();
  }

  /** The node is gone: there is nothing to be said to it. */
  forget(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  /** Lets the leaves go out whose time has come. */
  expire(nowMs: number): void {
    for (const node of this.#nodes.values()) node.expire(nowMs);
  }

  /** When `expire` has something to do next; undefined when nothing waits. */
  get nextDueMs(): number | undefined {
    let earliest: number | undefined;
    for (const { nextDueMs } of this.#nodes.values()) {
      if (nextDueMs !== undefined && (earliest === undefined || nextDueMs < earliest)) earliest = nextDueMs;
    }
    return earliest;
  }

  /** What to say to the node next, which from now on counts as said; undefined when there is nothing. */
  next(nodeId: string): JoinBulk | undefined {
    return this.#nodes.get(nodeId)?.next();
  }

  #leaveOthers(topic: string, before: readonly string[], kept: readonly string[], nowMs: number): void {
    for (const nodeId of before) {
      if (!kept.includes(nodeId)) this.#nodes.get(nodeId)?.unwant(topic, nowMs + leaveDelayMs);
    }
  }

  #joinsAt(nodeId: string): NodeJoins {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) return known;
    const node = new NodeJoins();
    this.#nodes.set(nodeId, node);
    return node;
  }
}
