/**
 * What the receiving side makes of a hello. `reset`: the sender or the epoch is new, and what was received before is void.
 * `outdated`: a later epoch of that incarnation was welcomed already.
 */
export type HelloVerdict = "resumed" | "reset" | "outdated";

/**
 * The receiving side of a link's items, over all streams of one sender: what it has processed, so that every item of an
 * epoch is processed once and in order. Pure.
 */
export class LinkReceiver {
  #incarnation: string | undefined;
  #epoch = 0n;
  #received = 0;

  /** Everything of the epoch up to here was processed. */
  get received(): number {
    return this.#received;
  }

  /** A stream begins. */
  hello(incarnation: string, epoch: bigint): HelloVerdict {
    const isSame = incarnation === this.#incarnation;
    if (isSame && epoch < this.#epoch) return "outdated";
    if (isSame && epoch === this.#epoch) return "resumed";
    this.#incarnation = incarnation;
    this.#epoch = epoch;
    this.#received = 0;
    return "reset";
  }

  /** What to do with the item `seq`: process it, drop it because it was processed, or end the stream over a gap. */
  take(seq: number): "process" | "drop" | "gap" {
    if (seq <= this.#received) return "drop";
    if (seq > this.#received + 1) return "gap";
    this.#received = seq;
    return "process";
  }
}
