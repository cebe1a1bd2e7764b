import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { Position } from "../../gen/parley/message/v1/entry_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { filterVisible, listCandidates, mayBeMember } from "./candidates.ts";
import { type HeldPosition, lastChange, lastVisible, placeCursor } from "./cursor.ts";
import type { DeviceFeed, FeedListener, ReadyEvent, UnsettledEvent } from "./feed.ts";
import type { FeedSurroundings } from "./feed-surroundings.ts";
import { PlacementQueue, type Wish } from "./placement-queue.ts";
import type { SlicedWork } from "./slices.ts";
import { readStandings, type Standing, type Wanted } from "./standing.ts";
import type { AccountListener } from "./topic-table.ts";
import type { TopicView } from "./topic-view.ts";
import {
  createTrack,
  endMembership,
  isMemberTrack,
  renewIntervals,
  type Track,
  type TrackOwner,
} from "./track.ts";
import { TrackQueue } from "./track-queue.ts";

const retryDelayMsAfterOverflow = 1_000;

/** A device's feed on a node: its tracks, how they come about, and what is heard about its account. */
export class NodeDeviceFeed implements DeviceFeed, TrackOwner, AccountListener, SlicedWork {
  readonly accountId: string;
  readonly #listener: FeedListener;
  readonly #surroundings: FeedSurroundings;
  readonly #tracks = new Map<string, Track>();
  /** Where the device stands in conversations that it needs no track for, in case they come to life again. */
  readonly #spent = new Map<string, HeldPosition>();
  readonly #queue: TrackQueue;
  readonly #placements: PlacementQueue;
  #state: "new" | "opening" | "open" | "closed" = "new";
  /** `next` had nothing, and the session waits to be told otherwise. */
  #waiting = false;
  /** News came that could not be remembered. */
  #overflowed = false;

  constructor(accountId: string, listener: FeedListener, surroundings: FeedSurroundings) {
    this.accountId = accountId;
    this.#listener = listener;
    this.#surroundings = surroundings;
    this.#queue = new TrackQueue(surroundings, () => surroundings.slices.add(this));
    this.#placements = new PlacementQueue(surroundings, (wishes) => this.#placeLater(wishes));
  }

  async open(positions: readonly Position[]): Promise<void> {
    if (this.#state !== "new") throw new Error("a feed is opened once");
    this.#state = "opening";
    // First of all, so that nothing falls between what is read now and what is heard later.
    this.#surroundings.topics.listen(this);
    const held = new Map(positions.map((position) => [position.conversationId, heldOf(position)]));
    try {
      await this.#learnEpoch(held);
      await this.#surroundings.topics.joined();
      const ids = await listCandidates(this.#surroundings.readers, this.accountId, [...held.keys()]);
      this.#keepUnplaced(held, new Set(ids));
      await this.#place(new Map(ids.map((id) => [id, { position: held.get(id), knownSeq: 0n }])));
    } catch (error) {
      this.close();
      throw error;
    }
    if (this.#isClosed()) return;
    if (this.#overflowed) {
      this.close();
      throw tooMuchNews(this.#surroundings.limits.unplacedPerDeviceMax);
    }
    this.#state = "open";
    this.#placements.start();
    this.#surroundings.slices.add(this);
  }

  next(): ReadyEvent | undefined {
    const event = this.#state === "open" ? this.#queue.next() : undefined;
    this.#waiting = event === undefined;
    return event;
  }

  get caughtUp(): boolean {
    return this.#state === "open" && this.#queue.caughtUp;
  }

  follow(position: Position): void {
    if (this.#isClosed()) return;
    const { conversationId } = position;
    const held = heldOf(position);
    const track = this.#tracks.get(conversationId);
    // What is sound of a position of another epoch is for the store to say: until then the track stays as it is.
    const isSound = held.epoch === this.#surroundings.epochs.current();
    if (track !== undefined && track.state !== "placing" && isSound) {
      const { head } = track.log;
      const { seq } = held;
      this.#surroundings.slices.add(this);
      if (head !== undefined && seq <= head) return this.#placeAt(track, { position: seq, head });
      // A device may have listed entries that this node has not heard of. It goes on behind them, while what it may
      // see is read; only then it is clear whether the position exists.
      this.#queue.place(track, { after: seq, notice: undefined });
    }
    this.#want(conversationId, { position: held, knownSeq: 0n });
  }

  rewind(unsettled: readonly UnsettledEvent[]): void {
    for (const [conversationId, events] of Map.groupBy(unsettled, (event) => event.conversationId)) {
      const track = this.#tracks.get(conversationId);
      if (track !== undefined) this.#queue.rewind(track, events);
    }
    this.#surroundings.slices.add(this);
  }

  isMember(conversationId: string): boolean {
    const track = this.#tracks.get(conversationId);
    return track !== undefined && isMemberTrack(track) && (track.log.head ?? 0n) > 0n;
  }

  close(): void {
    if (this.#isClosed()) return;
    this.#state = "closed";
    this.#placements.close();
    this.#queue.close();
    for (const track of this.#tracks.values()) this.#queue.drop(track);
    this.#tracks.clear();
    this.#surroundings.topics.ignore(this);
    this.#surroundings.forget(this);
  }

  /** A turn of the loop for this device. */
  step(): boolean {
    if (this.#state === "open" && this.#waiting) {
      this.#waiting = false;
      this.#listener.onReady();
    }
    return false;
  }

  headMoved(track: Track): void {
    if (this.#queue.review(track)) this.step();
  }

  memberAdded(conversationId: string, seq: bigint): void {
    this.#want(conversationId, { position: undefined, knownSeq: seq });
  }

  memberRemoved(conversationId: string, seq: bigint): void {
    const track = this.#tracks.get(conversationId);
    if (track !== undefined) endMembership(track, seq);
  }

  memberRowChanged(conversationId: string, seenSeq: bigint): boolean {
    const track = this.#tracks.get(conversationId);
    if (track !== undefined && track.state !== "placing" && lastChange(track.intervals) >= seenSeq)
      return false;
    this.memberAdded(conversationId, seenSeq);
    return true;
  }

  /** A direct conversation that has no track has begun since the feed was opened, or its row was late. */
  heardDirect(conversationId: string, seq: bigint): boolean {
    if (this.#state === "open" && this.#tracks.has(conversationId)) return false;
    this.#want(conversationId, { position: undefined, knownSeq: seq });
    return true;
  }

  signal(signal: Uint8Array, key: string): void {
    if (this.#state === "open") this.#listener.onSignal(signal, key);
  }

  accountSignal(conversationId: string, signal: Uint8Array, key: string): void {
    const concerns =
      conversationId === "" ||
      mayBeMember(conversationId, this.accountId) === "direct" ||
      this.isMember(conversationId);
    if (concerns) this.signal(signal, key);
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  /** A device may come from a node that has heard of a new epoch already. If this one has then as well, the feed is closed. */
  async #learnEpoch(held: ReadonlyMap<string, HeldPosition>): Promise<void> {
    const { epochs } = this.#surroundings;
    const current = epochs.current();
    if (held.values().some(({ epoch }) => epoch > current)) await epochs.refresh();
  }

  /**
   * A device may hold entries of a group that its account is no member of since the store was put back, whether that raised
   * the epoch or nobody noticed. When the account is added again, what the device holds beyond the log has to be dropped
   * before it gets anything.
   */
  #keepUnplaced(held: ReadonlyMap<string, HeldPosition>, placed: ReadonlySet<string>): void {
    for (const [id, position] of held) if (!placed.has(id)) this.#spent.set(id, position);
  }

  /** One wish too many is lost: while opening it fails `open`; later the conversation's next event brings it again. */
  #want(conversationId: string, wish: Wish): void {
    if (this.#isClosed() || this.#placements.want(conversationId, wish)) return;
    this.#overflowed = true;
    this.#surroundings.logger.warn("too many conversations of a device wait to be placed", {
      conversationId,
    });
  }

  /** Places what came up while the feed was open. Nothing is joined for names that the account may not see. */
  async #placeLater(wishes: ReadonlyMap<string, Wish>): Promise<void> {
    const unknown = [...wishes.keys()].filter(
      (id) => !this.#tracks.has(id) && wishes.get(id)?.position !== undefined,
    );
    const visible = new Set(await filterVisible(this.#surroundings.readers, this.accountId, unknown));
    const hidden = new Set(unknown.filter((id) => !visible.has(id)));
    await this.#place(new Map([...wishes].filter(([id]) => !hidden.has(id))));
    this.#surroundings.slices.add(this);
  }

  /** Joins, reads and places. When it fails, the conversations are as they were before. */
  async #place(wishes: ReadonlyMap<string, Wish>): Promise<void> {
    if (this.#isClosed()) return;
    const views = new Map<string, TopicView>();
    const wanted: Wanted[] = [];
    for (const [conversationId, wish] of wishes) {
      const kind = mayBeMember(conversationId, this.accountId);
      if (kind === undefined) continue;
      views.set(conversationId, this.#holdView(conversationId));
      const { knownSeq, position = this.#spent.get(conversationId) } = wish;
      const { seq: heldSeq = 0n, epoch: heldEpoch } = position ?? {};
      wanted.push({ conversationId, isGroup: kind === "group", heldSeq, heldEpoch, knownSeq });
    }
    try {
      const { readers, topics } = this.#surroundings;
      await topics.joined();
      const learnHead = (id: string, head: bigint): bigint => views.get(id)?.learnHead(head) ?? head;
      const standings = await readStandings(readers, this.accountId, wanted, learnHead);
      for (const [id, wish] of wishes) this.#applyStanding(id, wish, standings.get(id));
    } finally {
      for (const [id, view] of views) {
        const track = this.#tracks.get(id);
        if (track?.state === "placing") this.#dropTrack(id, track);
        else if (track !== undefined) track.removals = undefined;
        view.unhold();
      }
    }
  }

  /** The view listens, and a track takes note of removals, before anything is read. */
  #holdView(conversationId: string): TopicView {
    const view = this.#surroundings.topics.viewOf(conversationId);
    view.hold();
    const known = this.#tracks.get(conversationId);
    if (known !== undefined) known.removals = [];
    else {
      const track = createTrack(this, view);
      this.#tracks.set(conversationId, track);
      view.attach(track);
    }
    return view;
  }

  #applyStanding(conversationId: string, wish: Wish, standing: Standing | undefined): void {
    const track = this.#tracks.get(conversationId);
    if (track === undefined || standing === undefined || standing.intervals.length === 0) return;
    const isNew = track.state === "placing";
    renewIntervals(track, standing.intervals);
    if (!isNew && wish.position === undefined) {
      this.#queue.review(track);
      return;
    }
    const known = track.log.head ?? 0n;
    const head = known > standing.head ? known : standing.head;
    const position = wish.position ?? this.#spent.get(conversationId);
    this.#placeAt(track, { position: position?.seq, head, undoneAbove: standing.undoneAbove });
    if (this.#state === "opening") this.#queue.expect(track, lastVisible(track.intervals, standing.head));
    if (isNew) this.#keepIfNeeded(track, head);
  }

  /**
   * A past membership that was handed out before needs no track, and a direct conversation that has not begun neither,
   * however many of them a device names.
   */
  #keepIfNeeded(track: Track, head: bigint): void {
    const { conversationId } = track.log;
    const isSpent = this.#queue.isSpent(track);
    const epoch = this.#surroundings.epochs.current();
    if (isSpent) this.#spent.set(conversationId, { epoch, seq: track.after });
    else this.#spent.delete(conversationId);
    const isDirect = mayBeMember(conversationId, this.accountId) === "direct";
    const isNothing = isDirect && head === 0n && (track.notice === undefined || this.#state === "open");
    if (isSpent || isNothing) this.#dropTrack(conversationId, track);
  }

  #placeAt(
    track: Track,
    at: {
      readonly position: bigint | undefined;
      readonly head: bigint;
      readonly undoneAbove?: bigint | undefined;
    },
  ): void {
    const { position, head, undoneAbove } = at;
    const { intervals } = track;
    const behindEntriesMax = BigInt(this.#surroundings.limits.behindEntriesMax);
    this.#queue.place(track, placeCursor({ intervals, position, head, undoneAbove, behindEntriesMax }));
  }

  #dropTrack(conversationId: string, track: Track): void {
    this.#tracks.delete(conversationId);
    this.#queue.drop(track);
  }
}

/** What a device says that it holds; it may leave the first epoch out. */
function heldOf({ epoch, seq }: Position): HeldPosition {
  return { epoch: epoch === 0n ? 1n : epoch, seq };
}

function tooMuchNews(limit: number): Fault {
  const message = `more than ${limit} conversations had news while the feed was opened: open it again`;
  return new Fault(ErrorReason.OVERLOADED, message, {
    metadata: { limit: "unplaced_per_device" },
    retryDelayMs: retryDelayMsAfterOverflow,
  });
}
