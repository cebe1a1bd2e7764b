import type { UnsettledEvent } from "./feed.ts";

/** How much may be unacknowledged. */
export interface WindowLimits {
  /** Events, 1 to 1,024. */
  readonly eventsMax: number;
  /** Bytes of encoded events. */
  readonly bytesMax: number;
}

/** Waits for an acknowledgement, in milliseconds, one per round; after the last the device is given up. */
export const retransmitDelaysMs = [10_000, 20_000, 40_000, 80_000, 160_000] as const;

/**
 * Unsettled events as a multiple of the window. After a rewind the feed may hand out new events before the
 * old ones come again; without room for them the old ones would never come.
 */
export const unsettledFactorMax = retransmitDelaysMs.length + 1;

/** What an acknowledgement did. */
export type AckOutcome = "progress" | "nothing" | "neverSent";

interface Unsettled {
  readonly event: UnsettledEvent;
  readonly bytes: number;
  /**
   * The id of the first transmission. An ack of n settles every id up to n, and an entry by any of its ids, so
   * that an entry is settled exactly when n reaches its first id; later ids need not be kept.
   */
  readonly firstId: bigint;
  /** False after a rewind, until the event was sent again: only what is on its way takes room. */
  underway: boolean;
}

/**
 * The unacknowledged deliveries of one stream, in delivery order: how much may still be sent, what an
 * acknowledgement settles, and when to send again. Pure: times are given by the caller, in monotonic ms.
 */
export class DeliveryWindow {
  readonly #limits: WindowLimits;
  // By first id. A Map iterates in order of insertion, which is the order of first ids.
  readonly #unsettled = new Map<bigint, Unsettled>();
  /** What was unsettled at the last rewind, by what it is: only these may come again, so only they are looked for. */
  readonly #rewound = new Map<string, Unsettled>();
  #underway = 0;
  #underwayBytes = 0;
  #lastId = 0n;
  #lastAckId = 0n;
  #sinceMs = 0;
  #rounds = 0;
  #delayIndex = 0;
  #roundFirstId = 1n;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Events that were sent and not acknowledged. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** The newest delivery id; 0 before the first. */
  get lastId(): bigint {
    return this.#lastId;
  }

  /** Whether an event of this size may be sent now. */
  fits(event: UnsettledEvent, bytes: number): boolean {
    if (this.#underway === 0) return true;
    if (this.#underway >= this.#limits.eventsMax || this.#underwayBytes + bytes > this.#limits.bytesMax)
      return false;
    if (this.#unsettled.size < this.#limits.eventsMax * unsettledFactorMax) return true;
    return this.#rewound.has(keyOf(event));
  }

  /** Records one transmission and returns its delivery id, dense from 1. */
  deliver(event: UnsettledEvent, bytes: number, nowMs: number): bigint {
    this.#lastId += 1n;
    if (this.#unsettled.size === 0) this.#restart(nowMs);
    let entry = this.#rewound.size === 0 ? undefined : this.#rewound.get(keyOf(event));
    if (entry === undefined) {
      const { kind, conversationId, seq } = event;
      entry = { event: { kind, conversationId, seq }, bytes, firstId: this.#lastId, underway: false };
      this.#unsettled.set(entry.firstId, entry);
    }
    if (!entry.underway) this.#count(entry, true);
    return this.#lastId;
  }

  /** Settles every event whose first id is not above `id`, and names each to `onSettled`. */
  acknowledge(id: bigint, nowMs: number, onSettled?: (event: UnsettledEvent) => void): AckOutcome {
    if (id > this.#lastId) return "neverSent";
    if (id <= this.#lastAckId) return "nothing";
    this.#lastAckId = id;
    let settled = false;
    for (const [firstId, entry] of this.#unsettled) {
      if (firstId > id) break;
      if (entry.underway) this.#count(entry, false);
      this.#unsettled.delete(firstId);
      if (this.#rewound.size > 0) this.#rewound.delete(keyOf(entry.event));
      onSettled?.(entry.event);
      settled = true;
    }
    if (!settled) return "nothing";
    this.#rounds = 0;
    this.#sinceMs = nowMs;
    // An answer to an older round says nothing about the delay of now (Karn's rule), so the delay stays long.
    if (id >= this.#roundFirstId) this.#delayIndex = 0;
    return "progress";
  }

  /** When the unsettled events are to be sent again; undefined while there are none. */
  get dueMs(): number | undefined {
    if (this.#unsettled.size === 0) return undefined;
    return this.#sinceMs + (retransmitDelaysMs[this.#delayIndex] ?? 0);
  }

  /** Starts the wait again: until now bytes stood in the connection, so the device could not answer. */
  postpone(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** Ends a wait: another round, or `exhausted` when the oldest event was sent five times in vain. */
  endRound(nowMs: number): "again" | "exhausted" {
    this.#rounds += 1;
    if (this.#rounds >= retransmitDelaysMs.length) return "exhausted";
    this.#delayIndex = Math.min(this.#delayIndex + 1, retransmitDelaysMs.length - 1);
    this.#sinceMs = nowMs;
    this.#roundFirstId = this.#lastId + 1n;
    return "again";
  }

  /** Frees the room of everything unsettled and returns it, oldest first, for the feed to hand out again. */
  rewind(): UnsettledEvent[] {
    this.#underway = 0;
    this.#underwayBytes = 0;
    const events: UnsettledEvent[] = [];
    for (const entry of this.#unsettled.values()) {
      entry.underway = false;
      events.push(entry.event);
      this.#rewound.set(keyOf(entry.event), entry);
    }
    return events;
  }

  /**
   * Frees the room as `rewind` does, and takes the ids back: where answers are lost singly, as those of Poll
   * are, a later id proves nothing about an earlier one. Only the ids that come now settle the events.
   */
  takeBack(): UnsettledEvent[] {
    const events = this.rewind();
    this.#unsettled.clear();
    this.#rewound.clear();
    return events;
  }

  #restart(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#rounds = 0;
  }

  #count(entry: Unsettled, underway: boolean): void {
    entry.underway = underway;
    this.#underway += underway ? 1 : -1;
    this.#underwayBytes += underway ? entry.bytes : -entry.bytes;
  }
}

function keyOf(event: UnsettledEvent): string {
  return `${event.kind}/${event.conversationId}/${event.seq}`;
}
