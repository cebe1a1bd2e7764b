import type { NodeRecord } from "./node-record.ts";
import type { TopicEvent } from "./router.ts";

/** What one node tells another on the link between them, in order and each once. See proto/mesh. */
export type LinkItem =
  /** The receiver joined the topic at the sender. */
  | { readonly kind: "event"; readonly event: TopicEvent }
  /** For all who joined the topic at the receiver. */
  | { readonly kind: "relay"; readonly event: TopicEvent }
  | { readonly kind: "join"; readonly topics: readonly string[] }
  | { readonly kind: "leave"; readonly topics: readonly string[] }
  | { readonly kind: "broadcast"; readonly name: string; readonly body: Uint8Array };

/** An item that was encoded once, for any number of nodes. Made by `encodeItem` of link-codec.ts. */
export interface EncodedItem {
  readonly bytes: Uint8Array;
  /** Of an ephemeral event: it may be dropped, and replaces an earlier one of this key that waits. Else undefined. */
  readonly replaces: string | undefined;
}

/** What a call to another node came to. `lost`: the link broke or is suspected, or the time ran out; it may have been handled. */
export type CallOutcome =
  | { readonly kind: "answered"; readonly body: Uint8Array }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "lost"; readonly message: string };

/** A call as it leaves a node. */
export interface OutgoingCall {
  readonly name: string;
  readonly body: Uint8Array;
  /** From now; at least 1. */
  readonly timeoutMs: number;
}

/** A call as it arrives. */
export interface IncomingCall {
  readonly name: string;
  readonly body: Uint8Array;
  /** On this node's monotonic clock: from then on nobody waits for the answer. */
  readonly expireMs: number;
}

/** The links of one node to all others, both ways. */
export interface Links extends AsyncDisposable {
  /** Takes links of others from now on, and resolves to the address bound. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Says who this node is from now on. With another incarnation than before all links are opened anew. Nothing is
   * dialled or accepted before the first call.
   */
  identify(self: NodeRecord): void;
  /** Keeps a link to each of these nodes, and gives up those to others. This node itself is left out. */
  keep(nodes: readonly NodeRecord[]): void;
  /** The link is open and its pongs come in time. */
  isUp(nodeId: string): boolean;
  /** Sends an item as soon as the link allows. Dropped without a word when there is no link to that node. Never throws. */
  send(nodeId: string, item: EncodedItem): void;
  /** Asks another node. Resolves in `timeoutMs` at the latest; never rejects. `lost` at once when the link is not open. */
  call(nodeId: string, call: OutgoingCall): Promise<CallOutcome>;
  /** Resolves when the node has processed every item that was sent to it before, or when it will not: the link was reset. */
  settled(nodeId: string): Promise<void>;
  /** For metrics and for people. */
  status(): readonly LinkStatus[];
  /** Ends everything; calls under way are lost. Idempotent. */
  stop(): Promise<void>;
}

/** One link from this node to another. */
export interface LinkStatus {
  readonly nodeId: string;
  readonly state: "connecting" | "up" | "suspected" | "refused";
  readonly epoch: bigint;
  /** Items that were not acknowledged yet. */
  readonly unacknowledged: number;
  /** The last round trip, in milliseconds; undefined before the first pong. */
  readonly roundTripMs: number | undefined;
  /** Why it is not up, for people. */
  readonly reason: string | undefined;
}

/** Who the links tell. Never called from inside a call of the links. */
export interface LinkListener {
  /** An item of `from` arrived, each once and in order within an epoch. Must not throw. */
  onItem(from: string, item: LinkItem): void;
  /** Answers a call. One that rejects is answered as failed. */
  onCall(from: string, call: IncomingCall): Promise<Uint8Array>;
  /**
   * The link from `from` starts anew: what it had joined here is void until it joins again, and what it sent may be lost.
   * Comes before the first item of the new epoch; also for the first epoch of an incarnation.
   */
  onIncomingReset(from: string): void;
  /** The link to `to` starts anew: it has nothing of what was sent before. Also for its first epoch. */
  onOutgoingReset(to: string): void;
  /** `isUp` has changed. */
  onUpChanged(nodeId: string, up: boolean): void;
}
