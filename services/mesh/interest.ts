/** How many topics one node may join here. One more is not taken: that node's devices wait for its store check. */
export const topicsJoinedPerNodeMax = 500_000;

/** What one node has joined since its link began anew. */
interface NodeInterest {
  readonly nodeId: string;
  readonly topics: Set<string>;
  /** False once it is void: it then only waits to be swept out of the topics. */
  live: boolean;
}

/**
 * The owner's side of interest: which nodes want the events of a topic. Held softly: whatever a node has joined is void
 * when its link begins anew, and it joins again.
 */
export class Interest {
  readonly #topicsPerNodeMax: number;
  // Most topics have a handful of nodes: lists that are replaced cost less than sets, and can be read while they change.
  readonly #byTopic = new Map<string, readonly NodeInterest[]>();
  readonly #byNode = new Map<string, NodeInterest>();
  readonly #void: NodeInterest[] = [];

  constructor(topicsPerNodeMax = topicsJoinedPerNodeMax) {
    this.#topicsPerNodeMax = topicsPerNodeMax;
  }

  /** How many topics some node has joined; those of dropped nodes count until they are swept. */
  get size(): number {
    return this.#byTopic.size;
  }

  topics(): IterableIterator<string> {
    return this.#byTopic.keys();
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  /** The nodes that have joined anything. */
  nodeIds(): IterableIterator<string> {
    return this.#byNode.keys();
  }

  /** Everything that a node has joined. */
  topicsOf(nodeId: string): ReadonlySet<string> {
    return this.#byNode.get(nodeId)?.topics ?? new Set();
  }

  /** The nodes that have joined the topic, in the order of their joins. */
  nodesOf(topic: string): readonly string[] {
    const nodes = this.#byTopic.get(topic) ?? [];
    return nodes.filter(({ live }) => live).map(({ nodeId }) => nodeId);
  }

  /** Idempotent. False when it was not taken because the node has joined too much. */
  join(nodeId: string, topic: string): boolean {
    const node = this.#interestOf(nodeId);
    if (node.topics.has(topic)) return true;
    if (node.topics.size >= this.#topicsPerNodeMax) return false;
    node.topics.add(topic);
    this.#byTopic.set(topic, [...(this.#byTopic.get(topic) ?? []), node]);
    return true;
  }

  /** Idempotent. */
  leave(nodeId: string, topic: string): void {
    const node = this.#byNode.get(nodeId);
    if (node?.topics.delete(topic) !== true) return;
    this.#remove(node, topic);
    if (node.topics.size === 0) this.#byNode.delete(nodeId);
  }

  /** Voids everything that the node has joined. Takes effect at once; the memory is given back by `sweep`. */
  drop(nodeId: string): void {
    const node = this.#byNode.get(nodeId);
    if (node === undefined) return;
    node.live = false;
    this.#byNode.delete(nodeId);
    this.#void.push(node);
  }

  /** Takes what was dropped out of the table, one topic a step, so that a big node's end delays nobody. */
  *sweep(): Generator<void> {
    for (let node = this.#void.pop(); node !== undefined; node = this.#void.pop()) {
      for (const topic of node.topics) {
        this.#remove(node, topic);
        yield;
      }
    }
  }

  #interestOf(nodeId: string): NodeInterest {
    const known = this.#byNode.get(nodeId);
    if (known !== undefined) return known;
    const node: NodeInterest = { nodeId, topics: new Set(), live: true };
    this.#byNode.set(nodeId, node);
    return node;
  }

  #remove(node: NodeInterest, topic: string): void {
    const rest = (this.#byTopic.get(topic) ?? []).filter((other) => other !== node);
    if (rest.length > 0) this.#byTopic.set(topic, rest);
    else this.#byTopic.delete(topic);
  }
}
