import type { StepKind } from "../../../gen/parley/admin/v1/explanation_pb.ts";

/** Something that a node did with an entry. */
export interface TraceRecord {
  readonly kind: StepKind;
  /** By the node's wall clock. */
  readonly timeMs: number;
  readonly conversationId: string;
  readonly seq: bigint;
  /** Which questions the step answers; `EntryTraces` says what it is for each kind. */
  readonly about: string;
  /** Who else took part: a device, or nodes. */
  readonly party: string | readonly string[];
}

/**
 * The newest steps of a node, in columns: writing one to a full ring allocates nothing, and what stays referenced are strings
 * that exist anyway. Finding looks at all of them.
 */
export class TraceRing {
  readonly #stepsMax: number;
  readonly #times: Float64Array;
  readonly #seqs: BigUint64Array;
  // These grow as they are written, so that a node with little to remember costs little.
  readonly #kinds: StepKind[] = [];
  readonly #conversationIds: string[] = [];
  readonly #abouts: string[] = [];
  readonly #parties: (string | readonly string[])[] = [];
  /** All that were ever written. */
  #written = 0;
  #completeSinceMs: number;

  /** `startMs` is when the node began: it knows nothing of what was before. */
  constructor(stepsMax: number, startMs: number) {
    this.#stepsMax = stepsMax;
    this.#completeSinceMs = startMs;
    this.#times = new Float64Array(stepsMax);
    this.#seqs = new BigUint64Array(stepsMax);
  }

  /** Every step after this moment is still here, also when the clock was set back meanwhile. */
  get completeSinceMs(): number {
    return this.#completeSinceMs;
  }

  /** Takes the place of the oldest one. */
  write({ kind, timeMs, conversationId, seq, about, party }: TraceRecord): void {
    const index = this.#written % this.#stepsMax;
    if (this.#written >= this.#stepsMax) {
      const forgottenMs = this.#times[index] ?? 0;
      if (forgottenMs > this.#completeSinceMs) this.#completeSinceMs = forgottenMs;
    }
    this.#kinds[index] = kind;
    this.#times[index] = timeMs;
    this.#conversationIds[index] = conversationId;
    this.#seqs[index] = seq;
    this.#abouts[index] = about;
    this.#parties[index] = party;
    this.#written += 1;
  }

  /** What is remembered of an entry, in the order in which it was written. */
  find(conversationId: string, seq: bigint): TraceRecord[] {
    const found: TraceRecord[] = [];
    for (let number = Math.max(0, this.#written - this.#stepsMax); number < this.#written; number += 1) {
      const index = number % this.#stepsMax;
      if (this.#seqs[index] !== seq || this.#conversationIds[index] !== conversationId) continue;
      found.push({
        kind: this.#kinds[index] ?? 0,
        timeMs: this.#times[index] ?? 0,
        conversationId,
        seq,
        about: this.#abouts[index] ?? "",
        party: this.#parties[index] ?? "",
      });
    }
    return found;
  }
}
