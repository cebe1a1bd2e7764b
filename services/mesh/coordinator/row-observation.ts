/** What a row is known by: a beat belongs to an incarnation, and a row that moved on is another one. */
export interface RowBeat {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly beat: bigint;
}

interface SeenRow extends RowBeat {
  /** When this reader first saw the row with this beat, in milliseconds. */
  readonly sinceMs: number;
}

/**
 * Which rows have stood still for a whole lease, judged by one reader. There is no clock in it: times are the reader's own
 * monotonic milliseconds, so no other clock has a say and steps of the wall do no harm.
 *
 * A reader that did not look for half a lease was frozen, or could not write, and then perhaps nobody could: whatever it
 * had seen before proves nothing, and its observation starts anew. So does the very first one, which is why the rows of
 * nodes that died before cost a lease.
 */
export class RowObservation {
  readonly #leaseMs: number;
  #seen: ReadonlyMap<string, SeenRow> = new Map();
  #lookedMs: number | undefined;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** The rows that may be removed, unless they have moved since the last look. */
  deadRows(nowMs: number): readonly RowBeat[] {
    if (!this.#isContinuous(nowMs)) return [];
    const dead = [...this.#seen.values()].filter(({ sinceMs }) => nowMs - sinceMs >= this.#leaseMs);
    return dead.map(({ nodeId, incarnation, beat }) => ({ nodeId, incarnation, beat }));
  }

  /** Takes note of all rows there are, as they were answered at `nowMs`. */
  look(rows: readonly RowBeat[], nowMs: number): void {
    const isContinuous = this.#isContinuous(nowMs);
    this.#seen = new Map(
      rows.map(({ nodeId, incarnation, beat }) => {
        const before = isContinuous ? this.#seen.get(nodeId) : undefined;
        const stoodStill = before?.incarnation === incarnation && before.beat === beat;
        return [nodeId, { nodeId, incarnation, beat, sinceMs: stoodStill ? before.sinceMs : nowMs }];
      }),
    );
    this.#lookedMs = nowMs;
  }

  #isContinuous(nowMs: number): boolean {
    return this.#lookedMs !== undefined && nowMs - this.#lookedMs <= this.#leaseMs / 2;
  }
}
