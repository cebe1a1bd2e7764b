/** Bounds of what was not acknowledged. */
export interface SenderLimits {
  readonly itemsUnacknowledgedMax: number;
  readonly bytesUnacknowledgedMax: number;
  /** Of one item: a larger one can never be sent. */
  readonly bodyBytesMax: number;
}

/** Items that go into the next frame. */
export interface ItemBatch {
  /** The number of the first one. */
  readonly firstSeq: number;
  readonly items: readonly Uint8Array[];
  /** How many of them were sent on an earlier stream, too. */
  readonly resent: number;
}

/**
 * The sending side of a link's items: numbers them within an epoch, keeps them until they are acknowledged, and sends them
 * again on the next stream. What would pass its bounds ends the epoch: everything is dropped, and so is what comes until the
 * other side has welcomed the next one. Pure.
 */
export class LinkSender {
  readonly #limits: SenderLimits;
  #epoch: bigint;
  /** `fresh`: nobody has welcomed the epoch yet. `lost`: an epoch was given up, and nobody has welcomed the next one yet. */
  #state: "fresh" | "begun" | "lost" = "fresh";
  /** Items above `#acked`, in order; those before `#start` were acknowledged and are cut off from time to time. */
  #items: Uint8Array[] = [];
  #start = 0;
  #bytes = 0;
  #acked = 0;
  /** Everything up to here was sent on the stream that is open. */
  #sent = 0;
  /** The same of all streams of the epoch. */
  #sentEver = 0;

  /** An epoch that is higher than all that the other side may know of this incarnation of this node. */
  constructor(limits: SenderLimits, firstEpoch: bigint) {
    this.#limits = limits;
    this.#epoch = firstEpoch;
  }

  /** For the hello of the next stream. */
  get epoch(): bigint {
    return this.#epoch;
  }

  /** Items that were taken and not acknowledged. */
  get unacknowledged(): number {
    return this.#items.length - this.#start;
  }

  /** Everything up to here was acknowledged. */
  get acked(): number {
    return this.#acked;
  }

  /** The number of the newest item. */
  get lastSeq(): number {
    return this.#acked + this.unacknowledged;
  }

  /** Whether `next` has something. */
  get hasUnsent(): boolean {
    return this.#sent < this.lastSeq;
  }

  /** Takes an item, or drops it while no epoch takes any. False when it has ended the epoch: the stream has to end, too. */
  push(item: Uint8Array): boolean {
    if (this.#state === "lost") return true;
    const { itemsUnacknowledgedMax, bytesUnacknowledgedMax, bodyBytesMax } = this.#limits;
    const fits =
      item.length <= bodyBytesMax &&
      this.unacknowledged < itemsUnacknowledgedMax &&
      (this.unacknowledged === 0 || this.#bytes + item.length <= bytesUnacknowledgedMax);
    if (!fits) {
      this.giveUp();
      return false;
    }
    this.#items.push(item);
    this.#bytes += item.length;
    return true;
  }

  /** Ends the epoch: everything that was not acknowledged is lost. The next one has its number at once. */
  giveUp(): void {
    this.#state = "lost";
    this.#epoch += 1n;
    this.#items = [];
    this.#start = 0;
    this.#bytes = 0;
    this.#acked = 0;
    this.#sent = 0;
    this.#sentEver = 0;
  }

  /**
   * A stream is open, and the other side has everything of the epoch up to `received`. `begun`: from here on the epoch
   * counts, and nothing of what was said before does. `forgotten`: the other side remembers something else than this one,
   * so that the epoch was given up, and the stream has to end.
   */
  welcomed(received: number): "begun" | "resumed" | "forgotten" {
    const isNew = this.#state !== "begun";
    const isPossible = isNew ? received === 0 : received >= this.#acked && received <= this.#sentEver;
    if (!isPossible) {
      this.giveUp();
      return "forgotten";
    }
    this.#acknowledge(received);
    this.#sent = received;
    this.#state = "begun";
    return isNew ? "begun" : "resumed";
  }

  /** The other side has processed everything up to `seq`. Throws for what was not sent on this stream. */
  acknowledge(seq: number): void {
    if (seq > this.#sent) throw new Error(`item ${seq} was acknowledged, the last one sent is ${this.#sent}`);
    this.#acknowledge(seq);
  }

  #acknowledge(seq: number): void {
    for (; this.#acked < seq; this.#acked += 1) {
      this.#bytes -= this.#items[this.#start]?.length ?? 0;
      this.#start += 1;
    }
    if (this.#start * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#start);
    this.#start = 0;
  }

  /** What to send next, which from now on counts as sent on this stream. */
  next(itemsMax: number, bytesMax: number): ItemBatch {
    const firstSeq = this.#sent + 1;
    const items: Uint8Array[] = [];
    let bytes = 0;
    for (let index = this.#start + this.#sent - this.#acked; items.length < itemsMax; index += 1) {
      const item = this.#items[index];
      if (item === undefined || (items.length > 0 && bytes + item.length > bytesMax)) break;
      items.push(item);
      bytes += item.length;
    }
    this.#sent += items.length;
    const resent = Math.min(items.length, Math.max(0, this.#sentEver - firstSeq + 1));
    this.#sentEver = Math.max(this.#sentEver, this.#sent);
    return { firstSeq, items, resent };
  }
}
