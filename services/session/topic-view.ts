import type { PageLimit } from "../message/ports.ts";
import type { BudgetHolder, ByteBudget } from "./byte-budget.ts";
import { EntryRing } from "./entry-ring.ts";
import type { FeedLimits } from "./feed-limits.ts";
import type { MembershipChange } from "./membership-change.ts";
import type { SlicedWork, Slices } from "./slices.ts";
import { endMembership, isMemberTrack, needsHead, type Track, type TrackedLog } from "./track.ts";

/** One entry on its way into a view. */
export interface ViewEntry {
  readonly seq: bigint;
  /** The encoded `events` field. */
  readonly event: Uint8Array;
  readonly change: MembershipChange | undefined;
}

/** What the views of a node share. */
export interface ViewSurroundings {
  readonly limits: FeedLimits;
  readonly ringBudget: ByteBudget;
  readonly slices: Slices;
  /** Listens to the conversation's own topic until the function that it returns is called; nothing for a direct one. */
  join(view: TopicView): (() => void) | undefined;
  /** Reads entries above the view's head and offers them, until it has reached `target`; ends when the view closes. */
  repairGap(view: TopicView): Promise<void>;
  /** Nobody needs the view any more. */
  dispose(view: TopicView): void;
}

/**
 * One conversation on one node: the head that was delivered here, the ring of recent entries, and the tracks of the
 * local devices. The head only moves from an entry to the one that follows it, and whatever an entry says about
 * members is applied to all tracks before anybody can get it, so nothing after a removal is ever handed out.
 */
export class TopicView implements TrackedLog, SlicedWork, BudgetHolder {
  readonly conversationId: string;
  readonly #surroundings: ViewSurroundings;
  readonly #tracks: Track[] = [];
  #head: bigint | undefined;
  /** The highest entry heard of; above the head while entries before it are missing. */
  #target = 0n;
  /** Made by the first entry: an idle conversation has none. */
  #ring: EntryRing | undefined;
  #held: ViewEntry[] | undefined;
  #heldBytes = 0;
  #repairing = false;
  #leave: (() => void) | undefined;
  #joined = false;
  /** Entries above the head may have gone by while nobody listened. */
  #stale = false;
  #holds = 0;
  #closed = false;
  /** The next track to tell about the head; undefined when all know. */
  #passIndex: number | undefined;
  #passAgain = false;

  constructor(conversationId: string, surroundings: ViewSurroundings) {
    this.conversationId = conversationId;
    this.#surroundings = surroundings;
  }

  get head(): bigint | undefined {
    return this.#head;
  }

  /** The entry up to which a gap is to be closed. */
  get target(): bigint {
    return this.#target;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Entries between the head and what was heard of are missing. */
  get gapped(): boolean {
    return !this.#closed && !this.#stale && this.#head !== undefined && this.#head < this.#target;
  }

  recentEvent(seq: bigint): Uint8Array | undefined {
    return this.#ring?.get(seq);
  }

  /** Limits of a page that closes a gap: more than the ring holds would be of no use to anybody. */
  get gapPage(): PageLimit {
    const { pageEntriesMax: entriesMax, pageBytesMax: bytesMax } = this.#surroundings.limits;
    return { entriesMax, bytesMax };
  }

  /** Takes a track in; the view listens from now on. */
  attach(track: Track): void {
    track.slot = this.#tracks.push(track) - 1;
    this.#listen();
  }

  /** Lets a track go. */
  detach(track: Track): void {
    if (this.#tracks[track.slot] !== track) return;
    // The place of the track is taken by the last one, which a pass that is under way may not have come to yet.
    if (this.#passIndex !== undefined && track.slot < this.#passIndex) this.#passAgain = true;
    const last = this.#tracks.pop();
    if (last !== undefined && last !== track) {
      this.#tracks[track.slot] = last;
      last.slot = track.slot;
    }
    track.slot = -1;
    this.reviewInterest();
  }

  /** Keeps the view listening while a track of it is placed anew. */
  hold(): void {
    this.#holds += 1;
    this.#listen();
  }

  /** Ends one `hold`. */
  unhold(): void {
    this.#holds -= 1;
    this.reviewInterest();
  }

  /** Leaves the topic when no track needs entries that are still to come. */
  reviewInterest(): void {
    if (this.#holds > 0 || this.#closed) return;
    if (this.#tracks.length === 0) return this.close();
    if (this.#joined && !this.#tracks.some(needsHead)) this.#stopListening();
  }

  /**
   * The head that was read from the store, or that an event proves, since the view listens. Unless the head is known
   * already it begins here: what lies before does not concern tracks that are yet to be placed, nor those that ended.
   * Answers with the view's head, or `seq` if that is higher: rows that decide a placement have to be as new as that,
   * since entries that the head has jumped over were never looked into.
   */
  learnHead(seq: bigint): bigint {
    if (seq > this.#target) this.#target = seq;
    if (this.#head === undefined || this.#stale) {
      if (this.#head === undefined || seq > this.#head) this.#head = seq;
      this.#stale = false;
      this.announce();
    }
    this.#settleHeld();
    return this.#head > seq ? this.#head : seq;
  }

  /** An entry that came from anywhere: it moves the head, is held until its predecessors came, or is known already. */
  offer(entry: ViewEntry): void {
    if (entry.seq > this.#target) this.#target = entry.seq;
    if (this.#head !== undefined && entry.seq <= this.#head) return;
    if (this.#head === undefined || this.#stale || entry.seq > this.#head + 1n) this.#keep(entry);
    else this.#advance(entry);
    this.#settleHeld();
  }

  /** An entry is known to be in the log, and its event may have been missed. True when that is news. */
  hear(seq: bigint): boolean {
    if (seq <= this.#target || this.#closed) return false;
    this.#target = seq;
    this.#settleHeld();
    return true;
  }

  /** Passes a signal on to the members' devices. */
  signal(bytes: Uint8Array, key: string): void {
    for (const track of this.#tracks) if (isMemberTrack(track)) track.owner.signal(bytes, key);
  }

  /** Lets all tracks look at the head, in slices. */
  announce(): void {
    if (this.#passIndex === undefined) {
      this.#passIndex = 0;
      this.#surroundings.slices.add(this);
    } else if (this.#passIndex > 0) this.#passAgain = true;
  }

  /** Tells one track that the head has moved. */
  step(): boolean {
    const track = this.#tracks[this.#passIndex ?? 0];
    if (this.#passIndex === undefined) return false;
    if (track !== undefined) {
      this.#passIndex += 1;
      track.owner.headMoved(track);
      return true;
    }
    this.#passIndex = this.#passAgain ? 0 : undefined;
    this.#passAgain = false;
    return this.#passIndex !== undefined;
  }

  /** The node's budget for rings is used up, and this one was longest without a new entry. */
  release(): void {
    this.#ring = undefined;
  }

  #advance(entry: ViewEntry): void {
    this.#head = entry.seq;
    this.#ring ??= new EntryRing({
      entriesMax: this.#surroundings.limits.ringEntriesMax,
      bytesMax: this.#surroundings.limits.ringBytesMax,
    });
    this.#ring.push(entry.seq, entry.event);
    this.#surroundings.ringBudget.hold(this, this.#ring.byteLength);
    if (entry.change !== undefined) this.#applyChange(entry.seq, entry.change);
    this.announce();
  }

  #applyChange(seq: bigint, change: MembershipChange): void {
    for (const track of this.#tracks) {
      const { accountId } = track.owner;
      if (change.removed.has(accountId)) endMembership(track, seq);
      else if (change.added.has(accountId)) track.owner.memberAdded(this.conversationId, seq);
    }
    if (change.removed.size > 0) this.reviewInterest();
  }

  /** What does not fit is read again from the store: the target remembers it. */
  #keep(entry: ViewEntry): void {
    const { heldEntriesMax, heldBytesMax } = this.#surroundings.limits;
    this.#held ??= [];
    if (this.#held.length >= heldEntriesMax || this.#heldBytes + entry.event.length > heldBytesMax) return;
    this.#held.push(entry);
    this.#heldBytes += entry.event.length;
  }

  /** Moves the head over held entries, as far as they follow it, and has the rest read. */
  #settleHeld(): void {
    if (this.#head === undefined || this.#stale || this.#closed) return;
    if (this.#held !== undefined) {
      const held = this.#held.sort((one, other) => (one.seq < other.seq ? -1 : 1));
      for (const entry of held) if (entry.seq === this.#head + 1n) this.#advance(entry);
      const head = this.#head;
      const rest = held.filter((entry) => entry.seq > head);
      this.#held = rest.length > 0 ? rest : undefined;
      this.#heldBytes = rest.reduce((bytes, entry) => bytes + entry.event.length, 0);
    }
    if (this.gapped && !this.#repairing) void this.#repair();
  }

  async #repair(): Promise<void> {
    this.#repairing = true;
    await this.#surroundings.repairGap(this);
    this.#repairing = false;
    // Something may have been heard of between the last look and now.
    this.#settleHeld();
  }

  #listen(): void {
    if (this.#joined) return;
    this.#stale = this.#head !== undefined;
    this.#joined = true;
    this.#leave = this.#surroundings.join(this);
  }

  #stopListening(): void {
    this.#joined = false;
    this.#leave?.();
    this.#leave = undefined;
  }

  /** Ends everything: nobody needs the view any more, or what it knows is void. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#held = undefined;
    this.#surroundings.ringBudget.drop(this);
    this.#ring = undefined;
    this.#surroundings.dispose(this);
  }
}
