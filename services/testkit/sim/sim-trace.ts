/** Lines that a trace keeps for a report; it hashes all of them. */
export const traceTailMax = 2_000;

/**
 * What happened in a simulation, in order: a running hash of everything, by which two runs of one seed are compared, and
 * the last lines for people.
 */
export class SimTrace {
  readonly #times: number[] = [];
  readonly #labels: string[] = [];
  readonly #timeBits = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#timeBits.buffer);
  #count = 0;
  #low = 0xdeadbeef;
  #high = 0x41c6ce57;

  /** How many lines there were. */
  get count(): number {
    return this.#count;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }

  note(timeMs: number, label: string): void {
    this.#mixTime(timeMs);
    for (let index = 0; index < label.length; index += 1) this.#mix(label.charCodeAt(index));
    const at = this.#count % traceTailMax;
    this.#times[at] = timeMs;
    this.#labels[at] = label;
    this.#count += 1;
  }

  /** The last lines, at most `linesMax` of them, oldest first. */
  tail(linesMax: number): string[] {
    const lines: string[] = [];
    const from = Math.max(0, this.#count - Math.min(linesMax, traceTailMax));
    for (let index = from; index < this.#count; index += 1) {
      const at = index % traceTailMax;
      lines.push(`${(this.#times[at] ?? 0).toFixed(3).padStart(12)} ${this.#labels[at] ?? ""}`);
    }
    return lines;
  }

  #mixTime(timeMs: number): void {
    this.#timeBits[0] = timeMs;
    this.#mix(this.#timeWords[0] ?? 0);
    this.#mix(this.#timeWords[1] ?? 0);
  }

  /** Two multiplicative hashes side by side, as in FNV-1a, so that 64 bits have to agree. */
  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ word, 0x5bd1e995) ^ (this.#high >>> 13);
  }
}
