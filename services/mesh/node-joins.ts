/** Topics to join or to leave at one node, as one item of a link. */
export interface JoinBulk {
  readonly kind: "join" | "leave";
  readonly topics: readonly string[];
}

/** How many topics travel in one item. */
export const topicsPerBulkMax = 1_000;

/**
 * What this node has joined at one other node, and what it still has to say there. A topic that is wanted is in exactly
 * one of `#toJoin` and `#joined`; what was said counts as done, since the link either delivers it or is reset. What was said
 * before a reset may still arrive after it, so a topic that may be joined is always left, and what may be void joined again.
 */
export class NodeJoins {
  readonly #toJoin = new Set<string>();
  readonly #joined = new Set<string>();
  /** Perhaps joined, wanted no more, and free to be left. */
  readonly #toLeave = new Set<string>();
  /** Wanted no more, but kept until the moment given, in milliseconds; the earliest first. */
  readonly #lingering = new Map<string, number>();

  /** Topics that are wanted here, or were a moment ago. */
  get size(): number {
    return this.#toJoin.size + this.#joined.size;
  }

  /** Topics that are still to be joined. */
  get toJoin(): number {
    return this.#toJoin.size;
  }

  /** When the next topic is due to be left. */
  get nextDueMs(): number | undefined {
    for (const dueMs of this.#lingering.values()) return dueMs;
    return undefined;
  }

  /** The topics that are joined at the node as far as it was told, and not about to be left. */
  topics(): ReadonlySet<string> {
    return new Set([...this.#toJoin, ...this.#joined].filter((topic) => !this.#lingering.has(topic)));
  }

  want(topic: string): void {
    this.#lingering.delete(topic);
    this.#toLeave.delete(topic);
    if (!this.#joined.has(topic)) this.#toJoin.add(topic);
  }

  /** The topic is left at `dueMs`, which never lies before that of an earlier call, unless it is wanted again. */
  unwant(topic: string, dueMs: number): void {
    if (this.#joined.has(topic) || this.#toJoin.has(topic)) this.#lingering.set(topic, dueMs);
  }

  /** Ends the topics whose time has come. */
  expire(nowMs: number): void {
    for (const [topic, dueMs] of this.#lingering) {
      if (dueMs > nowMs) return;
      this.#end(topic);
    }
  }

  /** The node has lost what it was told: all that is wanted is to be joined again, and the rest to be left at once. */
  reset(): void {
    for (const topic of this.#lingering.keys()) this.#end(topic);
    for (const topic of this.#joined) this.#toJoin.add(topic);
    this.#joined.clear();
  }

  /** What to say next, which from now on counts as said; undefined when there is nothing. */
  next(): JoinBulk | undefined {
    if (this.#toJoin.size > 0) {
      const topics = take(this.#toJoin);
      for (const topic of topics) this.#joined.add(topic);
      return { kind: "join", topics };
    }
    return this.#toLeave.size > 0 ? { kind: "leave", topics: take(this.#toLeave) } : undefined;
  }

  #end(topic: string): void {
    this.#lingering.delete(topic);
    this.#toJoin.delete(topic);
    this.#joined.delete(topic);
    this.#toLeave.add(topic);
  }
}

function take(from: Set<string>): string[] {
  const topics: string[] = [];
  for (const topic of from) {
    if (topics.length === topicsPerBulkMax) break;
    topics.push(topic);
    from.delete(topic);
  }
  return topics;
}
