import type { Clock } from "../kernel/clock.ts";
import type { Mesh } from "./mesh.ts";
import type { NodeRecord } from "./node-record.ts";
import { createOwnerRing, type OwnerRing } from "./rendezvous.ts";
import type { StoreStandings } from "./store-standings.ts";

/** How long a link may take to open before its node is passed over, in milliseconds. */
export const openingMsMax = 300;

/** Where a topic's commands and events go. */
export interface TopicRoute {
  readonly nodeId: string;
  /** The link to that node is just being opened: what can wait had better wait for it. */
  readonly opening: boolean;
}

/** An owner, as this node reaches it. */
interface OwnerState {
  /** Both incarnations: the link is another one when one of its ends was registered anew. */
  readonly link: string;
  /** Until then a link that was never up is taken to be on its way. */
  readonly openingEndMs: number;
  /** `suspected`: passed over until its link is up and it reaches the store. */
  readonly standing: "serving" | "opening" | "suspected";
}

/** What ownership is worked out from. */
export interface OwnershipOptions {
  readonly mesh: Pick<Mesh, "self" | "nodes" | "isUp">;
  readonly clock: Clock;
  readonly standings: Pick<StoreStandings, "isAway">;
}

/**
 * Which node owns which topic, as this node sees it: the nodes of the list that may own, in rendezvous order, without
 * those that this node cannot reach, or that do not reach the store. Others may see it differently; that costs time and never correctness.
 */
export class Ownership {
  readonly #mesh: Pick<Mesh, "self" | "nodes" | "isUp">;
  readonly #clock: Clock;
  readonly #standings: Pick<StoreStandings, "isAway">;
  #owners: ReadonlyMap<string, OwnerState> = new Map();
  #ring: OwnerRing = createOwnerRing([]);

  constructor({ mesh, clock, standings }: OwnershipOptions) {
    this.#mesh = mesh;
    this.#clock = clock;
    this.#standings = standings;
  }

  /** Looks at the nodes and their links again. True when owners may have changed. */
  refresh(): boolean {
    const before = this.#owners;
    this.#owners = this.#statesOf(this.#listedOwners());
    const isSame =
      before.size === this.#owners.size &&
      [...this.#owners].every(([nodeId, { standing }]) => before.get(nodeId)?.standing === standing);
    if (!isSame) this.#ring = createOwnerRing([...this.#owners.keys()]);
    return !isSame;
  }

  /** When `refresh` may answer differently just because time went by; undefined when it will not. */
  get openingEndMs(): number | undefined {
    const opening = [...this.#owners.values()].filter(({ standing }) => standing === "opening");
    return opening.length === 0 ? undefined : Math.min(...opening.map(({ openingEndMs }) => openingEndMs));
  }

  /** The nodes that may own the topic, the first owner first, whether they can be reached or not. */
  ownersOf(topic: string): readonly string[] {
    return this.#ring.ownersUntil(topic, () => false);
  }

  /** This node ranks first for the topic. */
  isFirst(topic: string): boolean {
    return this.#ring.firstOwner(topic) === this.#mesh.self().nodeId;
  }

  isOpening(nodeId: string): boolean {
    return this.#owners.get(nodeId)?.standing === "opening";
  }

  /** It is passed over. */
  isSuspected(nodeId: string): boolean {
    return this.#owners.get(nodeId)?.standing === "suspected";
  }

  /** The first owner that is not suspected, or this node when there is none: who serves is nobody's safety. */
  routeOf(topic: string): TopicRoute {
    const nodeId = this.#ring.firstOwner(topic, (id) => !this.isSuspected(id));
    if (nodeId === undefined) return { nodeId: this.#mesh.self().nodeId, opening: false };
    return { nodeId, opening: this.isOpening(nodeId) };
  }

  /** As `routeOf`, but passes over those that are only opening, too. */
  servingNodeOf(topic: string): string {
    const nodeId = this.#ring.firstOwner(topic, (id) => this.#owners.get(id)?.standing === "serving");
    return nodeId ?? this.#mesh.self().nodeId;
  }

  /** The other nodes at which to join: suspected owners too, since others may still use them, up to one that is not. */
  joinTargetsOf(topic: string): readonly string[] {
    const self = this.#mesh.self().nodeId;
    return this.#ring.ownersUntil(topic, (id) => !this.isSuspected(id)).filter((nodeId) => nodeId !== self);
  }

  /** A node that the list lacks is not among them, this one included. */
  #listedOwners(): readonly NodeRecord[] {
    const self = this.#mesh.self();
    return this.#mesh
      .nodes()
      .map((node) => (node.nodeId === self.nodeId ? self : node))
      .filter(({ roles, draining }) => roles.includes("owner") && !draining);
  }

  /** When nobody who can be reached reaches the store, it is away for all: then nobody is passed over for it. */
  #statesOf(nodes: readonly NodeRecord[]): ReadonlyMap<string, OwnerState> {
    const states = (isAway: (nodeId: string) => boolean) =>
      new Map(nodes.map((node) => [node.nodeId, this.#stateOf(node, isAway(node.nodeId))]));
    const judged = states((nodeId) => this.#standings.isAway(nodeId));
    return judged.values().some(({ standing }) => standing !== "suspected") ? judged : states(() => false);
  }

  #stateOf({ nodeId, incarnation }: NodeRecord, isAway: boolean): OwnerState {
    const nowMs = this.#clock.monotonicMs();
    const link = `${this.#mesh.self().incarnation} ${incarnation}`;
    const before = this.#owners.get(nodeId);
    const isKnown = before?.link === link;
    // A link that was up once is not on its way any more: when it goes down, that is a verdict.
    if (this.#mesh.isUp(nodeId)) {
      return { link, openingEndMs: nowMs, standing: isAway ? "suspected" : "serving" };
    }
    const openingEndMs = isKnown ? before.openingEndMs : nowMs + openingMsMax;
    return { link, openingEndMs, standing: nowMs < openingEndMs ? "opening" : "suspected" };
  }
}
