/**
 * What happened during a run, as its clients saw it. Nothing here comes from the inside of a node, so the checkers
 * work on any run of any number of nodes. Times are milliseconds of one monotonic clock, that of the process which
 * drove all clients.
 */

/** A message that a client wanted in a conversation, with every try of it. */
export interface SendRecord {
  readonly senderId: string;
  readonly deviceId: string;
  readonly conversationId: string;
  readonly clientMessageId: string;
  readonly text: string;
  /** By which way it went; a retry goes the same way. */
  readonly way: "unary" | "stream";
  /**
   * Names the ordered stream of sends that it belongs to: one device, one conversation, in the order of `laneIndex`.
   * Unset for sends that are in no order (unary ones).
   */
  readonly lane?: string;
  readonly laneIndex?: number;
  /** Just before the first try left. */
  readonly beganMs: number;
  /** Tries made. */
  tries: number;
  outcome: SendOutcome;
}

/** How a send ended, for its client. */
export type SendOutcome =
  /** Nobody knows; it may be in the log, or come to be. */
  | { readonly kind: "open" }
  /** The client was told that it is durable. `endedMs`: when it heard so. */
  | {
      readonly kind: "acknowledged";
      readonly seq: bigint;
      readonly entryId: string;
      readonly endedMs: number;
    }
  /** It was acknowledged, and the store was put back to a copy that did not have it yet. */
  | { readonly kind: "undone" }
  /** The client was told that it will never be in the log. */
  | { readonly kind: "rejected"; readonly reason: string };

/** An entry as a client saw it. */
export interface SeenEntry {
  readonly conversationId: string;
  readonly seq: bigint;
  readonly entryId: string;
  readonly senderId: string;
  readonly clientMessageId: string;
  readonly messageOrdinal: bigint;
  /** The text of a text message; undefined for anything else, which no `SendRecord` speaks of. */
  readonly text: string | undefined;
}

/** The log of one conversation from `firstSeq` on, as listed after the run. */
export interface ListedLog {
  readonly conversationId: string;
  readonly entries: readonly SeenEntry[];
}

/** What one device stored of one conversation, in the order in which it stored it. */
export interface ObserverHistory {
  readonly deviceId: string;
  readonly conversationId: string;
  readonly entries: readonly SeenEntry[];
}

/** A look at the head of a conversation by one of its members. */
export interface HeadRead {
  readonly readerId: string;
  readonly conversationId: string;
  /** Just before the read left. */
  readonly beganMs: number;
  /** When its answer was heard. */
  readonly endedMs: number;
  readonly headSeq: bigint;
}

/** One try of a device to attach, and what it heard of it. */
export interface StreamRecord {
  readonly deviceId: string;
  /** The node that it was opened at, by whatever names it for the whole run. */
  readonly place: string;
  /** Just before it was asked for. */
  readonly beganMs: number;
  /** As the device numbered it; 0: it does not. A device numbers all or none. */
  readonly ordinal: bigint;
  /** Undefined: the device never heard that it was opened, which it may have been all the same. */
  opened: { readonly generation: bigint; readonly heardMs: number } | undefined;
  /** A node said that it would not open it. */
  isRefused: boolean;
  /** Undefined: it lasts, or ended without a word. */
  closed: { readonly reason: string; readonly heardMs: number } | undefined;
  /** When anything but `closed` was heard last. */
  lastHeardMs: number | undefined;
  /** From then on the device had turned elsewhere and only listened; undefined when it never did. */
  leftMs: number | undefined;
  /** Entries that came after that. */
  readonly heardLate: Pick<SeenEntry, "conversationId" | "seq" | "entryId">[];
}

/** All streams of all devices. */
export interface StreamHistory {
  readonly records: readonly StreamRecord[];
  /** From then on nothing was done to the cluster, so that what had been lost is said again. Infinity: never. */
  readonly calmFromMs: number;
}

/** Everything that the checkers look at. */
export interface History {
  readonly sends: readonly SendRecord[];
  readonly logs: readonly ListedLog[];
  readonly observers: readonly ObserverHistory[];
  readonly reads: readonly HeadRead[];
  /** Unset when nobody noted streams; then fencing is not judged. */
  readonly streams?: StreamHistory;
}
