import { closeAt, type Intervals, isOpen, type Notice, nextVisible } from "./cursor.ts";

/**
 * What a track is doing; its device feed alone moves it.
 * - placing: where to begin is being read; nothing is handed out, but removals are noted
 * - current: everything visible up to the head was handed out
 * - lagging: in its device's queue, to be served from the ring
 * - paging: what comes next left the ring, or never was in it, and is read from the store
 * - paused: answered by `behind`; nothing is handed out until the device follows
 * - gone: the device is not interested any more
 */
export type TrackState = "placing" | "current" | "lagging" | "paging" | "paused" | "gone";

/** The log of one conversation, as far as this node knows it. */
export interface TrackedLog {
  readonly conversationId: string;
  /** Everything up to here may be handed out; undefined until it was read. */
  readonly head: bigint | undefined;
  /** The encoded event of a recent entry. */
  recentEvent(seq: bigint): Uint8Array | undefined;
  /** Ends the interest of one track. */
  detach(track: Track): void;
}

/** The device that a track belongs to. */
export interface TrackOwner {
  readonly accountId: string;
  /** The head may have moved past the track, outside of any call of the device's feed. */
  headMoved(track: Track): void;
  /** The entry `seq` made the account a member. */
  memberAdded(conversationId: string, seq: bigint): void;
  signal(signal: Uint8Array, key: string): void;
}

/**
 * One device's place in one conversation. There is one for every conversation of every attached device, so it is a
 * flat record: no closures, no maps, and values that tracks share where they can.
 */
export interface Track {
  readonly owner: TrackOwner;
  readonly log: TrackedLog;
  state: TrackState;
  /** Everything visible up to here was handed out, or is held by the device. */
  after: bigint;
  /** The highest entry that was ever handed out; above `after` following a rewind. */
  handedOut: bigint;
  intervals: Intervals;
  /** Entries that ended the membership while its row was being read, which may not show them; else undefined. */
  removals: bigint[] | undefined;
  /** Comes before the next entry. */
  notice: Notice | undefined;
  /** Index in the log's list of tracks; the list keeps it. */
  slot: number;
}

/** A track that has not been placed yet. */
export function createTrack(owner: TrackOwner, log: TrackedLog): Track {
  return {
    owner,
    log,
    state: "placing",
    after: 0n,
    handedOut: 0n,
    intervals: [],
    removals: [],
    notice: undefined,
    slot: -1,
  };
}

/** The next entry to hand out, if the node has come that far. */
export function nextReadySeq(track: Track): bigint | undefined {
  const next = nextVisible(track.intervals, track.after);
  return next !== undefined && track.log.head !== undefined && next <= track.log.head ? next : undefined;
}

/** Entries above the head may concern the track: the account is a member, or its removal has not been passed yet. */
export function needsHead(track: Track): boolean {
  if (track.state === "placing") return true;
  return nextVisible(track.intervals, track.log.head ?? 0n) !== undefined;
}

/** The entry `seq` is the last one that the account sees, unless it joined again after it. */
export function endMembership(track: Track, seq: bigint): void {
  track.removals?.push(seq);
  track.intervals = closeAt(track.intervals, seq);
}

/** Takes what a row says, and what was heard while it was being read. */
export function renewIntervals(track: Track, read: Intervals): void {
  const removals = track.removals?.sort((one, other) => (one < other ? -1 : 1)) ?? [];
  track.intervals = removals.reduce(closeAt, read);
}

/** The account is a member of the conversation, as far as is known. */
export function isMemberTrack(track: Track): boolean {
  return track.state !== "placing" && isOpen(track.intervals);
}
