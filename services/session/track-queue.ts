import { lastVisible, nextVisible, type Placement } from "./cursor.ts";
import { DevicePager } from "./device-pager.ts";
import { encodeNoticeEvent } from "./event-bytes.ts";
import type { ReadyEvent, UnsettledEvent } from "./feed.ts";
import type { FeedSurroundings } from "./feed-surroundings.ts";
import { Fifo } from "./fifo.ts";
import { nextReadySeq, type Track, type TrackState } from "./track.ts";

/**
 * Takes the events of one device's tracks in turn: one event of a track, then the next track, so that a busy
 * conversation starves no other. Entries come from rings; what is not there any more is read in pages, of one track
 * after the other, and alternates with the rest. It alone moves tracks between their states.
 */
export class TrackQueue {
  readonly #surroundings: FeedSurroundings;
  readonly #lagging = new Fifo<Track>();
  readonly #pager: DevicePager;
  /** What each track has yet to reach before the device has caught up; undefined when it has. */
  #catchUp: Map<Track, bigint> | undefined;
  #pageFirst = false;

  /** `onPage` is called when a read ended, outside of any call of the queue. */
  constructor(surroundings: FeedSurroundings, onPage: () => void) {
    this.#surroundings = surroundings;
    this.#pager = new DevicePager(surroundings, {
      pageCame: onPage,
      pageEnded: (track) => {
        if (track.state === "paging") this.#rest(track, "current");
      },
    });
  }

  /** Each track was handed out up to the seq that `expect` named. */
  get caughtUp(): boolean {
    return this.#catchUp === undefined;
  }

  /** `caughtUp` waits for the track to come to `seq`. */
  expect(track: Track, seq: bigint): void {
    if (track.notice === undefined && track.after >= seq) return;
    this.#catchUp ??= new Map();
    this.#catchUp.set(track, seq);
  }

  /** Puts the track where a placement says; nothing but what follows is handed out from now on. */
  place(track: Track, placement: Placement): void {
    track.after = placement.after;
    track.notice = placement.notice;
    if (placement.notice !== undefined) this.#surroundings.counts[placement.notice.kind] += 1;
    else this.#reach(track, placement.after);
    this.#wakeUp(track);
  }

  /** Looks whether a track that had nothing more to hand out has something now. */
  review(track: Track): boolean {
    if (track.state !== "current" || nextReadySeq(track) === undefined) return false;
    this.#rest(track, "current");
    return true;
  }

  /** The track will never have anything to hand out, as things stand. */
  isSpent(track: Track): boolean {
    return track.notice === undefined && nextVisible(track.intervals, track.after) === undefined;
  }

  /** Hands the events of a track, and what follows them, out again. */
  rewind(track: Track, unsettled: readonly UnsettledEvent[]): void {
    // A notice that is still to come, or a pause, is later than all of them: the device went on from elsewhere.
    if (track.notice !== undefined) return;
    const notice = unsettled.findLast(({ kind }) => kind !== "entry");
    if (notice !== undefined && notice.kind !== "entry") {
      const isLate = notice.kind === "behind" && track.state !== "paused";
      if (!isLate) track.notice = { kind: notice.kind, seq: notice.seq, redelivered: true };
    }
    if (track.state === "paused" && track.notice === undefined) return;
    const target = this.#catchUp?.get(track) ?? lastVisible(track.intervals, track.after);
    const [first] = unsettled
      .filter(({ kind }) => kind === "entry")
      .map(({ seq }) => seq - 1n)
      .sort(ascending);
    if (track.notice !== undefined) track.after = track.notice.seq;
    else if (first !== undefined && first < track.after) track.after = first;
    this.expect(track, target);
    this.#wakeUp(track);
  }

  /** The next event; undefined when nothing is ready now. */
  next(): ReadyEvent | undefined {
    let event: ReadyEvent | undefined;
    // A page that turns out to be of no use puts its track back into the queue, hence the second look.
    do {
      event = this.#pageFirst
        ? (this.#fromPage() ?? this.#fromRing())
        : (this.#fromRing() ?? this.#fromPage());
    } while (event === undefined && this.#lagging.size > 0);
    this.#pageFirst = !this.#pageFirst;
    this.#pager.start();
    return event;
  }

  /** The track is of no interest any more. */
  drop(track: Track): void {
    this.#setState(track, "gone");
    this.#catchUp?.delete(track);
    if (this.#catchUp?.size === 0) this.#catchUp = undefined;
    track.log.detach(track);
  }

  close(): void {
    this.#pager.close();
    this.#lagging.clear();
  }

  #fromPage(): ReadyEvent | undefined {
    const taken = this.#pager.take();
    return taken === undefined ? undefined : this.#entryEvent(taken.track, taken.seq, taken.event);
  }

  #fromRing(): ReadyEvent | undefined {
    for (let track = this.#lagging.shift(); track !== undefined; track = this.#lagging.shift()) {
      if (track.state !== "lagging") continue;
      if (track.notice !== undefined) return this.#noticeEvent(track);
      const seq = nextReadySeq(track);
      const event = seq === undefined ? undefined : track.log.recentEvent(seq);
      if (seq === undefined) this.#rest(track, "current");
      else if (event === undefined) {
        this.#setState(track, "paging");
        this.#pager.add(track);
      } else {
        const ready = this.#entryEvent(track, seq, event);
        this.#rest(track, "current");
        return ready;
      }
    }
    return undefined;
  }

  #entryEvent(track: Track, seq: bigint, bytes: Uint8Array): ReadyEvent {
    const redelivered = seq <= track.handedOut;
    track.after = seq;
    if (!redelivered) track.handedOut = seq;
    this.#reach(track, seq);
    return { bytes, kind: "entry", conversationId: track.log.conversationId, seq, redelivered };
  }

  #noticeEvent(track: Track): ReadyEvent | undefined {
    const { notice } = track;
    if (notice === undefined) return undefined;
    const { conversationId } = track.log;
    track.notice = undefined;
    this.#reach(track, notice.seq);
    this.#rest(track, notice.kind === "behind" ? "paused" : "current");
    const epoch = this.#surroundings.epochs.current();
    const bytes = encodeNoticeEvent(notice.kind, { conversationId, epoch, seq: notice.seq });
    return { ...notice, bytes, conversationId };
  }

  #reach(track: Track, seq: bigint): void {
    if (this.#catchUp === undefined) return;
    const target = this.#catchUp.get(track);
    if (target !== undefined && seq >= target) this.#catchUp.delete(track);
    if (this.#catchUp.size === 0) this.#catchUp = undefined;
  }

  /** A track that is in line, or in the pager, is looked at when its turn comes; any other is put in line. */
  #wakeUp(track: Track): void {
    if (track.state !== "lagging" && track.state !== "paging") this.#rest(track, "current");
  }

  /** Ends a track's turn: it goes to the end of the line if it has more. */
  #rest(track: Track, otherwise: TrackState): void {
    const hasMore =
      track.notice !== undefined || (otherwise === "current" && nextReadySeq(track) !== undefined);
    this.#setState(track, hasMore ? "lagging" : otherwise);
    if (hasMore) this.#lagging.push(track);
  }

  #setState(track: Track, state: TrackState): void {
    this.#surroundings.counts.lagging += countsAsLagging(state) - countsAsLagging(track.state);
    track.state = state;
  }
}

function countsAsLagging(state: TrackState): number {
  return state === "lagging" || state === "paging" ? 1 : 0;
}

function ascending(one: bigint, other: bigint): number {
  return one < other ? -1 : 1;
}
