/** Bounds of a ring. */
export interface EntryRingLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/**
 * The newest entries of one conversation, encoded, without holes: what was pushed a moment ago is served from here
 * to whoever was not ready for it. The oldest give way at the limits; a single entry above `bytesMax` is not kept.
 */
export class EntryRing {
  readonly #limits: EntryRingLimits;
  // A sliding window in an array: what gave way before `#start` is cut off once it is half of the array.
  #events: Uint8Array[] = [];
  #start = 0;
  #firstSeq = 1n;
  #byteLength = 0;

  constructor(limits: EntryRingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#events.length - this.#start;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Takes the entry that follows the newest one. One that does not follow it empties the ring first. */
  push(seq: bigint, event: Uint8Array): void {
    if (seq !== this.#firstSeq + BigInt(this.size)) this.clear();
    if (this.size === 0) this.#firstSeq = seq;
    this.#events.push(event);
    this.#byteLength += event.byteLength;
    while (this.size > this.#limits.entriesMax || this.#byteLength > this.#limits.bytesMax)
      this.#dropOldest();
  }

  /** The encoded event of an entry, if it is here. */
  get(seq: bigint): Uint8Array | undefined {
    const index = seq - this.#firstSeq;
    if (index < 0n || index >= BigInt(this.size)) return undefined;
    return this.#events[this.#start + Number(index)];
  }

  clear(): void {
    this.#events = [];
    this.#start = 0;
    this.#byteLength = 0;
  }

  #dropOldest(): void {
    this.#byteLength -= this.#events[this.#start]?.byteLength ?? 0;
    this.#start += 1;
    this.#firstSeq += 1n;
    if (this.#start * 2 < this.#events.length) return;
    this.#events = this.#events.slice(this.#start);
    this.#start = 0;
  }
}
