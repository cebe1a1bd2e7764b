import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { encodeItem } from "./link-codec.ts";
import type { CallOutcome, IncomingCall, LinkItem, LinkListener, Links, OutgoingCall } from "./links.ts";
import type { Mesh } from "./mesh.ts";
import type { NodeRecord } from "./node-record.ts";

/** Who is in the mesh, as far as this node was told. */
export interface MembershipView {
  /** This node as it is registered now. */
  self(): NodeRecord;
  /** The last good list, by node id; empty before the first one. A list without this node means that it was dropped. */
  nodes(): readonly NodeRecord[];
  /** Calls `listener` whenever `self()` or `nodes()` answer differently. */
  onChange(listener: () => void): void;
}

/** An item that is about topics. */
export type TopicItem = Exclude<LinkItem, { kind: "broadcast" }>;

/** Who hears what the links bring about topics. */
export interface TopicTraffic {
  onItem(from: string, item: TopicItem): void;
  /** Whatever the node had joined here is void. */
  onIncomingReset(from: string): void;
  /** Whatever was joined there is void. */
  onOutgoingReset(to: string): void;
}

/** The mesh as the node that owns it has it. */
export interface NodeMesh extends Mesh, AsyncDisposable {
  /** For whoever starts listening, carries topics, or shows their state. */
  readonly links: Links;
  /** Says who hears about topics. Once, and before the links listen. */
  carryTopics(traffic: TopicTraffic): void;
  /** Ends the links; calls under way are lost. Idempotent. */
  stop(): Promise<void>;
}

/** What a mesh is made from. */
export interface MeshOptions {
  readonly membership: MembershipView;
  /** Makes the links of this node; called once. */
  readonly createLinks: (listener: LinkListener) => Links;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Joins the list of nodes and the links between them. A node that is alone has one, too. */
export function createMesh(options: MeshOptions): NodeMesh {
  return new LinkedMesh(options);
}

type CallHandler = (from: string, call: IncomingCall) => Promise<Uint8Array>;
type BroadcastHandler = (from: string, body: Uint8Array) => void;

class LinkedMesh implements NodeMesh {
  readonly links: Links;
  readonly #membership: MembershipView;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #callHandlers = new Map<string, CallHandler>();
  readonly #broadcastHandlers = new Map<string, BroadcastHandler>();
  readonly #gapListeners: ((from: string) => void)[] = [];
  readonly #changeListeners: (() => void)[] = [];
  #traffic: TopicTraffic | undefined;

  constructor({ membership, createLinks, clock, logger }: MeshOptions) {
    this.#membership = membership;
    this.#clock = clock;
    this.#logger = logger;
    this.links = createLinks({
      onItem: (from, item) => this.#onItem(from, item),
      onCall: (from, call) => this.#onCall(from, call),
      onIncomingReset: (from) => {
        this.#traffic?.onIncomingReset(from);
        for (const listener of this.#gapListeners) listener(from);
      },
      onOutgoingReset: (to) => this.#traffic?.onOutgoingReset(to),
      onUpChanged: () => this.#changed(),
    });
    membership.onChange(() => this.#followMembership());
    if (membership.nodes().length > 0) this.#followMembership();
  }

  self(): NodeRecord {
    return this.#membership.self();
  }

  nodes(): readonly NodeRecord[] {
    return this.#membership.nodes();
  }

  isUp(nodeId: string): boolean {
    return nodeId === this.self().nodeId || this.links.isUp(nodeId);
  }

  call(nodeId: string, call: OutgoingCall): Promise<CallOutcome> {
    return nodeId === this.self().nodeId ? this.#callSelf(call) : this.links.call(nodeId, call);
  }

  answer(name: string, handler: CallHandler): void {
    if (this.#callHandlers.has(name)) throw new Error(`calls "${name}" are answered already`);
    this.#callHandlers.set(name, handler);
  }

  broadcast(name: string, body: Uint8Array): void {
    const item = encodeItem({ kind: "broadcast", name, body });
    // There is no link to this node itself, so it is left out.
    for (const { nodeId } of this.nodes()) this.links.send(nodeId, item);
  }

  onBroadcast(name: string, handler: BroadcastHandler): void {
    if (this.#broadcastHandlers.has(name)) throw new Error(`broadcasts "${name}" are heard already`);
    this.#broadcastHandlers.set(name, handler);
  }

  onGap(listener: (from: string) => void): void {
    this.#gapListeners.push(listener);
  }

  onChange(listener: () => void): void {
    this.#changeListeners.push(listener);
  }

  carryTopics(traffic: TopicTraffic): void {
    if (this.#traffic !== undefined) throw new Error("somebody carries the topics of this mesh already");
    this.#traffic = traffic;
  }

  stop(): Promise<void> {
    return this.links.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #followMembership(): void {
    // First, so that whoever is told of the change finds the links that belong to it.
    this.links.identify(this.self());
    this.links.keep(this.nodes());
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }

  #onItem(from: string, item: LinkItem): void {
    if (item.kind !== "broadcast") {
      this.#traffic?.onItem(from, item);
      return;
    }
    try {
      // A name that nobody here knows is of a newer version.
      this.#broadcastHandlers.get(item.name)?.(from, item.body);
    } catch (error) {
      this.#logger.error("a handler of a broadcast failed", { name: item.name, error: thrownError(error) });
    }
  }

  async #onCall(from: string, call: IncomingCall): Promise<Uint8Array> {
    const handler = this.#callHandlers.get(call.name);
    if (handler === undefined) throw new Error(`calls "${call.name}" are not known here`);
    return handler(from, call);
  }

  /** As a call to another node would end, its time limit included. */
  #callSelf({ name, body, timeoutMs }: OutgoingCall): Promise<CallOutcome> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => {
        resolve({ kind: "lost", message: `not answered within ${timeoutMs} ms` });
      });
      const settle = (outcome: CallOutcome): void => {
        timer.cancel();
        resolve(outcome);
      };
      const expireMs = this.#clock.monotonicMs() + timeoutMs;
      this.#onCall(this.self().nodeId, { name, body, expireMs }).then(
        (answer) => settle({ kind: "answered", body: answer }),
        (error: unknown) => settle({ kind: "failed", message: thrownError(error).message }),
      );
    });
  }
}
