import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Metrics } from "../kernel/metrics.ts";
import type { Rng } from "../kernel/rng.ts";
import { LinkAcceptor } from "./link-acceptor.ts";
import { type LinkLimits, linkLimits } from "./link-limits.ts";
import { createLinkMetrics } from "./link-metrics.ts";
import type { LinkSurroundings } from "./link-surroundings.ts";
import type { CallOutcome, EncodedItem, LinkListener, LinkStatus, Links, OutgoingCall } from "./links.ts";
import type { NodeRecord } from "./node-record.ts";
import { OutgoingLink } from "./outgoing-link.ts";
import { OwnLag } from "./own-lag.ts";
import type { MeshTransport } from "./transport.ts";

export { linkProtocol } from "./link-protocol.ts";

/** What links are made from. */
export interface LinksOptions {
  /** Stopped together with the links. */
  readonly transport: MeshTransport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly listener: LinkListener;
  /** `linkLimits` where unset. */
  readonly limits?: Partial<LinkLimits>;
}

/** Creates the links of one node. They speak the protocols that the node's own record names. */
export function createLinks(options: LinksOptions): Links {
  return new NodeLinks(options);
}

interface KeptLink {
  readonly peer: NodeRecord;
  readonly link: OutgoingLink;
}

class NodeLinks implements Links {
  readonly #surroundings: LinkSurroundings;
  readonly #listener: LinkListener;
  readonly #acceptor: LinkAcceptor;
  readonly #ownLag: OwnLag;
  readonly #kept = new Map<string, KeptLink>();
  /** What the listener was told of last: nodes to which the link is up. */
  readonly #toldUp = new Set<string>();
  /** Nodes of which the listener may have to be told, from the next turn on. */
  readonly #changed = new Set<string>();
  #self: NodeRecord | undefined;
  /** No link of this incarnation that was given up had a higher epoch. */
  #epochsGivenUp = 0n;
  #stopped = false;

  constructor(options: LinksOptions) {
    const { transport, clock, rng, logger, listener } = options;
    this.#listener = listener;
    this.#ownLag = new OwnLag(clock);
    const limits = { ...linkLimits, ...options.limits };
    const metrics = createLinkMetrics(options.metrics, () => this.status());
    this.#surroundings = { transport, clock, rng, logger, limits, metrics, ownLag: this.#ownLag };
    this.#acceptor = new LinkAcceptor({ ...this.#surroundings, listener });
  }

  listen(): Promise<{ readonly host: string; readonly port: number }> {
    return this.#surroundings.transport.listen((stream) => this.#acceptor.accept(stream));
  }

  identify(self: NodeRecord): void {
    if (this.#stopped) return;
    const isOther = self.incarnation !== this.#self?.incarnation;
    this.#self = self;
    this.#acceptor.identify(self);
    if (!isOther) return;
    const peers = [...this.#kept.values()].map(({ peer }) => peer);
    for (const { nodeId } of peers) this.#giveUp(nodeId);
    this.#epochsGivenUp = 0n;
    for (const peer of peers) this.#open(self, peer);
  }

  keep(nodes: readonly NodeRecord[]): void {
    const self = this.#self;
    if (self === undefined || this.#stopped) return;
    const wanted = new Map(nodes.map((node) => [node.nodeId, node]));
    wanted.delete(self.nodeId);
    for (const [nodeId, { peer }] of this.#kept) {
      if (!isSameLink(peer, wanted.get(nodeId))) this.#giveUp(nodeId);
    }
    for (const node of wanted.values()) {
      if (!this.#kept.has(node.nodeId)) this.#open(self, node);
    }
    this.#acceptor.keep(new Set(wanted.keys()));
  }

  isUp(nodeId: string): boolean {
    return this.#kept.get(nodeId)?.link.isUp ?? false;
  }

  send(nodeId: string, item: EncodedItem): void {
    this.#kept.get(nodeId)?.link.send(item);
  }

  call(nodeId: string, call: OutgoingCall): Promise<CallOutcome> {
    const kept = this.#kept.get(nodeId);
    if (kept !== undefined) return kept.link.call(call);
    return Promise.resolve({ kind: "lost", message: `there is no link to ${nodeId}` });
  }

  settled(nodeId: string): Promise<void> {
    return this.#kept.get(nodeId)?.link.settled() ?? Promise.resolve();
  }

  status(): readonly LinkStatus[] {
    return [...this.#kept.values()].map(({ link }) => link.status());
  }

  async stop(): Promise<void> {
    if (!this.#stopped) {
      this.#stopped = true;
      for (const nodeId of this.#kept.keys()) this.#giveUp(nodeId);
      this.#acceptor.closeAll();
      this.#ownLag.stop();
    }
    await this.#surroundings.transport.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #open(self: NodeRecord, peer: NodeRecord): void {
    const { nodeId } = peer;
    const link = new OutgoingLink({
      ...this.#surroundings,
      self,
      peer,
      firstEpoch: this.#epochsGivenUp + 1n,
      onReset: () => this.#listener.onOutgoingReset(nodeId),
      onChanged: () => this.#noteChange(nodeId),
    });
    this.#kept.set(nodeId, { peer, link });
  }

  #giveUp(nodeId: string): void {
    const kept = this.#kept.get(nodeId);
    if (kept === undefined) return;
    this.#kept.delete(nodeId);
    kept.link.close();
    if (kept.link.epoch > this.#epochsGivenUp) this.#epochsGivenUp = kept.link.epoch;
    this.#noteChange(nodeId);
  }

  /** Tells in the next turn, and only what is still true then. */
  #noteChange(nodeId: string): void {
    if (this.#changed.size === 0) this.#surroundings.clock.nextTurn(() => this.#tellChanges());
    this.#changed.add(nodeId);
  }

  #tellChanges(): void {
    const nodeIds = [...this.#changed];
    this.#changed.clear();
    for (const nodeId of nodeIds) {
      const up = this.isUp(nodeId);
      if (this.#stopped || up === this.#toldUp.has(nodeId)) continue;
      if (up) this.#toldUp.add(nodeId);
      else this.#toldUp.delete(nodeId);
      this.#listener.onUpChanged(nodeId, up);
    }
  }
}

/** Whether a link to the one is a link to the other. */
function isSameLink(one: NodeRecord, other: NodeRecord | undefined): boolean {
  return (
    other !== undefined &&
    one.incarnation === other.incarnation &&
    one.meshAddress === other.meshAddress &&
    one.protocolMin === other.protocolMin &&
    one.protocolMax === other.protocolMax
  );
}
