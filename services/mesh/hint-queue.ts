import type { EncodedItem } from "./links.ts";

/** Bounds of the hints that wait. */
export interface HintLimits {
  readonly hintsWaitingMax: number;
  readonly hintBytesWaitingMax: number;
}

/** Hints that wait because the other side does not keep up: the newest of each key, the oldest giving way. Pure. */
export class HintQueue {
  readonly #limits: HintLimits;
  // A Map iterates in order of insertion, so the first one has waited longest; one that is replaced keeps its place.
  readonly #waiting = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(limits: HintLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a hint and says how many had to go for it; not counting the one that it replaces, which is told by it. */
  push({ bytes, replaces = "" }: EncodedItem): number {
    this.#bytes += bytes.length - (this.#waiting.get(replaces)?.length ?? 0);
    this.#waiting.set(replaces, bytes);
    const { hintsWaitingMax, hintBytesWaitingMax } = this.#limits;
    let dropped = 0;
    for (const [key, hint] of this.#waiting) {
      if (this.#waiting.size <= hintsWaitingMax && this.#bytes <= hintBytesWaitingMax) break;
      this.#remove(key, hint);
      dropped += 1;
    }
    return dropped;
  }

  /** Takes out at most `itemsMax` hints, the oldest first, of at most `bytesMax` bytes; one at least. */
  take(itemsMax: number, bytesMax: number): Uint8Array[] {
    const hints: Uint8Array[] = [];
    let bytes = 0;
    for (const [key, hint] of this.#waiting) {
      bytes += hint.length;
      if (hints.length >= itemsMax || (hints.length > 0 && bytes > bytesMax)) break;
      hints.push(hint);
      this.#remove(key, hint);
    }
    return hints;
  }

  /** Drops everything and says how many there were. */
  clear(): number {
    const { size } = this.#waiting;
    this.#waiting.clear();
    this.#bytes = 0;
    return size;
  }

  #remove(key: string, hint: Uint8Array): void {
    this.#waiting.delete(key);
    this.#bytes -= hint.length;
  }
}
