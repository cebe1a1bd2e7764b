import type { Position } from "../../gen/parley/message/v1/entry_pb.ts";

/** One event that a device has to get, ready to be put into a frame. */
export interface ReadyEvent {
  /** The encoded `events` field of a ServerFrame (tag, length, Event): the same bytes for every recipient. */
  readonly bytes: Uint8Array;
  readonly kind: "entry" | "behind" | "rewound";
  readonly conversationId: string;
  /** Of the entry, or of the position that `behind` and `rewound` name. */
  readonly seq: bigint;
  /** This event may have been handed out before, so it goes into a frame that says so. */
  readonly redelivered: boolean;
}

/** An event that was handed out and not acknowledged in time. */
export type UnsettledEvent = Pick<ReadyEvent, "kind" | "conversationId" | "seq">;

/** What a feed tells its session. Callbacks are never called from inside a call of the feed itself. */
export interface FeedListener {
  /** `next()` has something again after it returned undefined. */
  onReady(): void;
  /** An encoded parley.session.v1.Signal for this device. Droppable. `key` tells which earlier one it replaces. */
  onSignal(signal: Uint8Array, key: string): void;
}

/**
 * What one device has to get: a cursor over the log of each of its account's conversations. It is pulled: the session
 * takes events while its window and its connection have room, so a slow device costs cursors, never queues.
 */
export interface DeviceFeed {
  /**
   * Reads what the account may see, places a cursor in each conversation, and joins the topics. `positions` are those
   * that the device holds; the last one counts when a conversation is named twice. Call it once.
   * Throws a Fault (STORE_UNAVAILABLE) when it cannot be done now; the feed is closed then.
   */
  open(positions: readonly Position[]): Promise<void>;
  /** The next event, each conversation's in order; undefined when nothing is ready now. */
  next(): ReadyEvent | undefined;
  /**
   * Every conversation has been handed out up to the head that it had at `open`, or was answered by `behind`; and what
   * was rewound has been handed out again.
   */
  readonly caughtUp: boolean;
  /** Goes on in one conversation from a position, as ClientFrame.follow says. Ignored when the account may not see it. */
  follow(position: Position): void;
  /** Hands these events, and in their conversations everything after them, out again. */
  rewind(unsettled: readonly UnsettledEvent[]): void;
  /** The account is a member of the conversation now, as far as this node has heard. */
  isMember(conversationId: string): boolean;
  /** Leaves the topics. Idempotent. */
  close(): void;
}

/** Makes the feed of one attached device. */
export type FeedFactory = (
  device: { readonly accountId: string; readonly deviceId: string },
  listener: FeedListener,
) => DeviceFeed;
