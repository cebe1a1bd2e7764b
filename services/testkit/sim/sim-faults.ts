import type { PutBack } from "../../history/undone.ts";
import type { SeededRng } from "../seeded-rng.ts";
import type { SimCluster } from "./sim-cluster.ts";
import type { SimNode } from "./sim-node.ts";
import { StoreCopies } from "./store-copies.ts";

/** What happens to a cluster. Each begins at a moment and is over after a while. */
export type SimFaultKind =
  | "kill"
  | "freeze"
  | "partition"
  | "oneWayCut"
  | "clientCut"
  | "brokenStreams"
  | "slowPath"
  | "storeAway"
  | "storeAwayFromOne"
  | "storeTrouble"
  | "coordinatorAway"
  | "coordinatorAwayFromOne"
  | "lostLease"
  | "clockStep"
  | "restart"
  | "restore";

/** Those that may meet in one run. A store that is put back is drawn apart: it changes what clients may expect. */
export const simFaultKinds: readonly SimFaultKind[] = [
  "kill",
  "freeze",
  "partition",
  "oneWayCut",
  "clientCut",
  "brokenStreams",
  "slowPath",
  "storeAway",
  "storeAwayFromOne",
  "storeTrouble",
  "coordinatorAway",
  "coordinatorAwayFromOne",
  "lostLease",
  "clockStep",
  "restart",
];

/** Of the kills, how many take the machine, too. */
const silentRate = 0.25;

/** Steps of a wall are up to this far, either way, in milliseconds. */
const stepMsMax = 120_000;

/** How often appends, writes and reads fail in times of trouble. */
const troubleRate = 0.4;

/** Lets faults happen to a cluster, by its seed, until they are ended. */
export class SimFaults {
  /** How often each happened. */
  readonly counts = new Map<SimFaultKind, number>();
  readonly #cluster: SimCluster;
  readonly #rng: SeededRng;
  readonly #kinds: readonly SimFaultKind[];
  readonly #gapMsMax: number;
  readonly #rates: { readonly append: number; readonly write: number; readonly read: number };
  readonly #copies: StoreCopies;
  #isOver = false;

  constructor(
    cluster: SimCluster,
    rng: SeededRng,
    plan: {
      readonly kinds: readonly SimFaultKind[];
      readonly gapMsMax: number;
      readonly conversationIds: () => readonly string[];
    },
  ) {
    this.#cluster = cluster;
    this.#rng = rng;
    this.#kinds = plan.kinds;
    this.#gapMsMax = plan.gapMsMax;
    this.#copies = new StoreCopies(cluster, rng, plan.conversationIds);
    const { appendFaultRate, writeFaultRate, readFaultRate } = cluster.store.plan;
    this.#rates = { append: appendFaultRate, write: writeFaultRate, read: readFaultRate };
  }

  /** When the store was put back, the earliest first. */
  get putBacks(): readonly PutBack[] {
    return this.#copies.putBacks;
  }

  /** Begins after `delayMs`. */
  start(delayMs: number): void {
    if (this.#kinds.includes("restore")) this.#copies.start(delayMs);
    if (this.#kinds.length > 0) this.#cluster.scheduler.after(delayMs, "fault", () => this.#next());
  }

  /** No more faults, and those that last are over: nodes run, paths are whole, the store and the coordinator are there. */
  end(): void {
    this.#isOver = true;
    this.#copies.stop();
    const { nodes, network, store, coordinators } = this.#cluster;
    network.healAll();
    network.plan.breakRate = 0;
    for (const node of nodes) {
      store.setAwayFrom(node.host.name, false);
      coordinators.setAwayFrom(node.host.name, false);
      node.thaw();
      node.start();
    }
    store.setAway(false);
    coordinators.setAway(false);
    this.#setRates({ append: 0, write: 0, read: 0 });
    coordinators.plan.replyLostRate = 0;
    coordinators.plan.hintLostRate = 0;
  }

  #next(): void {
    if (this.#isOver) return;
    const kind = this.#rng.pick(this.#kinds);
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#cluster.scheduler.note(`fault ${kind}`);
    this.#happen(kind);
    this.#cluster.scheduler.after(this.#rng.fraction() * this.#gapMsMax, "fault", () => this.#next());
  }

  #happen(kind: SimFaultKind): void {
    const { network, store, coordinators } = this.#cluster;
    const node = this.#rng.pick(this.#cluster.nodes);
    const { name } = node.host;
    switch (kind) {
      case "kill":
        node.kill(this.#rng.fraction() < silentRate);
        return this.#later([100, 8_000], () => node.start());
      case "freeze":
        node.freeze();
        return this.#later([100, this.#rng.pick([2_000, 12_000, 30_000])], () => node.thaw());
      case "partition":
        return this.#partition();
      case "oneWayCut":
        return this.#cut([name, this.#otherThan(node)]);
      case "clientCut":
        return this.#clientCut(name);
      case "brokenStreams":
        return network.breakStreams(name, this.#otherThan(node));
      case "slowPath":
        return this.#slowPath(name, this.#otherThan(node));
      case "storeAway":
        store.setAway(true);
        return this.#later([100, 5_000], () => store.setAway(false));
      case "storeAwayFromOne":
        store.setAwayFrom(name, true);
        return this.#later([100, 8_000], () => store.setAwayFrom(name, false));
      case "storeTrouble":
        this.#setRates({ append: troubleRate, write: troubleRate / 2, read: troubleRate / 2 });
        return this.#later([500, 4_000], () => this.#setRates(this.#rates));
      case "coordinatorAway":
        coordinators.setAway(true);
        return this.#later([500, 25_000], () => coordinators.setAway(false));
      case "coordinatorAwayFromOne":
        coordinators.setAwayFrom(name, true);
        return this.#later([500, 25_000], () => coordinators.setAwayFrom(name, false));
      case "lostLease":
        return coordinators.registry.remove(name);
      case "clockStep":
        node.host.wallOffsetMs += (this.#rng.fraction() - 0.5) * 2 * stepMsMax;
        return undefined;
      case "restart":
        return this.#restart(node);
      case "restore":
        return this.#restore();
    }
  }

  /** Some nodes hear nothing of the others, both ways. */
  #partition(): void {
    const apart = new Set(this.#cluster.nodes.filter(() => this.#rng.fraction() < 0.5));
    const pairs = this.#cluster.nodes
      .filter((node) => apart.has(node))
      .flatMap((node) =>
        this.#cluster.nodes.filter((other) => !apart.has(other)).map((other) => [node, other] as const),
      )
      .map(([node, other]) => [node.host.name, other.host.name] as const);
    this.#cut(...pairs, ...pairs.map(([from, to]) => [to, from] as const));
  }

  /** A node and a client lose one another, in one direction or in both. */
  #clientCut(name: string): void {
    const client = this.#rng.pick(this.#cluster.clients).host.name;
    const ways = [[name, client] as const, [client, name] as const];
    this.#cut(...(this.#rng.fraction() < 0.5 ? ways : [this.#rng.pick(ways)]));
  }

  #cut(...paths: readonly (readonly [string, string])[]): void {
    const { network } = this.#cluster;
    for (const [from, to] of paths) if (from !== to) network.cut(from, to);
    this.#later([200, this.#rng.pick([3_000, 20_000])], () => {
      for (const [from, to] of paths) network.heal(from, to);
    });
  }

  #slowPath(from: string, to: string): void {
    const { network } = this.#cluster;
    network.setDelay(from, to, { minMs: 20, maxMs: 300, tailRate: 0.1, tailMs: 1_500 });
    this.#later([500, 6_000], () => network.setDelay(from, to, network.plan.delay));
  }

  #restart(node: SimNode): void {
    if (node.core === undefined || this.#rng.fraction() < 0.5) {
      node.kill(false);
      this.#later([100, 1_000], () => node.start());
      return;
    }
    void node.stop().then(() => this.#later([10, 3_000], () => node.start()));
  }

  /** All nodes end, and start on an older copy of the store. */
  #restore(): void {
    const { nodes } = this.#cluster;
    if (!this.#copies.isReady) return;
    for (const node of nodes) node.kill(false);
    this.#copies.putBack();
    for (const node of nodes) this.#later([100, 2_000], () => node.start());
  }

  #setRates(rates: { readonly append: number; readonly write: number; readonly read: number }): void {
    const { plan } = this.#cluster.store;
    plan.appendFaultRate = rates.append;
    plan.writeFaultRate = rates.write;
    plan.readFaultRate = rates.read;
  }

  #otherThan(node: SimNode): string {
    return this.#rng.pick(
      this.#cluster.nodes.length > 1 ? this.#cluster.nodes.filter((other) => other !== node) : [node],
    ).host.name;
  }

  /** The end of a fault. Ends that come after the end of all faults do no harm: they only make things whole. */
  #later([minMs, maxMs]: readonly [number, number], end: () => void): void {
    const delayMs = minMs + this.#rng.fraction() * (maxMs - minMs);
    this.#cluster.scheduler.after(delayMs, "fault over", () => {
      if (!this.#isOver) end();
    });
  }
}
