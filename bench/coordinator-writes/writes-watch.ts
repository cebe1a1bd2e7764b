import type { ParleyCluster } from "../processes/parley-cluster.ts";
import type { ParleyNode } from "../processes/parley-node.ts";
import { whilePending } from "../processes/while-pending.ts";
import { type NodeWrites, type WriteCounters, WriteTally } from "./write-tally.ts";

const lookEveryMs = 100;

/** What the nodes that run at the end wrote, and in how long. */
export interface Writes {
  readonly byNode: ReadonlyMap<ParleyNode, NodeWrites>;
  readonly seconds: number;
}

/** Looks at the counters of all nodes about ten times a second. */
export class WritesWatch {
  readonly #cluster: ParleyCluster;
  #tallies = new Map<ParleyNode, WriteTally>();

  constructor(cluster: ParleyCluster) {
    this.#cluster = cluster;
  }

  /**
   * Does something and goes on watching for so many seconds: what each node that runs then wrote since it was begun. A node
   * that starts meanwhile is watched from its first write on.
   */
  async during(action: () => Promise<void>, seconds: number): Promise<Writes> {
    await this.#begin();
    const startMs = performance.now();
    await whilePending(action(), () => this.#lookAgain());
    const endMs = performance.now() + seconds * 1_000;
    do await this.#lookAgain();
    while (performance.now() < endMs);
    const running = new Set(this.#cluster.nodes);
    const tallies = [...this.#tallies].filter(([node]) => running.has(node));
    return {
      byNode: new Map(tallies.map(([node, { writes }]) => [node, writes])),
      seconds: (performance.now() - startMs) / 1_000,
    };
  }

  /** Counts from now on; when a node wrote last is remembered. */
  async #begin(): Promise<void> {
    const before = this.#tallies;
    this.#tallies = new Map();
    for (const node of this.#cluster.nodes) {
      const lastWriteMs = before.get(node)?.lastWriteMs ?? Number.NEGATIVE_INFINITY;
      this.#tallies.set(node, new WriteTally(await countersOf(node), lastWriteMs));
    }
  }

  async #lookAgain(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    for (const node of this.#cluster.nodes) {
      const seen = await countersOf(node).catch(() => undefined);
      // It was ended meanwhile.
      if (seen === undefined) continue;
      const nowMs = performance.now();
      const tally = this.#tallies.get(node) ?? new WriteTally({ joins: 0, leaves: 0, renewals: 0 }, nowMs);
      this.#tallies.set(node, tally);
      tally.look(seen, nowMs);
    }
  }
}

async function countersOf(node: ParleyNode): Promise<WriteCounters> {
  const count = (kind: string): Promise<number> =>
    node.metric(`parley_coordinator_writes_total{kind="${kind}"}`);
  return { joins: await count("join"), leaves: await count("leave"), renewals: await count("renewal") };
}
