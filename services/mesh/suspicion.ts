/** Bounds of a suspicion, in milliseconds. */
export interface SuspicionLimits {
  readonly pongLateMs: number;
  readonly pongMsMax: number;
  readonly ownLagMsMax: number;
}

/** What is thought of the node at the other end of an open stream. `dead`: give the stream up. */
export type LinkVerdict = "trusted" | "suspected" | "dead";

/**
 * Whether the other end of a stream answers in time. A node's own affair: nobody is told, and it costs nothing but time
 * when it is wrong. A node that stood still itself has no verdict on others. Pure: times are monotonic milliseconds.
 */
export class Suspicion {
  readonly #limits: SuspicionLimits;
  #ping = 0;
  /** When the ping left that was not answered yet. */
  #pingMs: number | undefined;
  #verdict: LinkVerdict = "trusted";
  #roundTripMs: number | undefined;

  constructor(limits: SuspicionLimits) {
    this.#limits = limits;
  }

  get verdict(): LinkVerdict {
    return this.#verdict;
  }

  /** Of the last pong; undefined before the first one. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** The number of the next ping; undefined while one is under way. */
  nextPing(nowMs: number): number | undefined {
    if (this.#pingMs !== undefined) return undefined;
    this.#pingMs = nowMs;
    this.#ping += 1;
    return this.#ping;
  }

  /** A pong came. One of another ping says nothing. */
  heard(pong: number, nowMs: number): void {
    if (pong !== this.#ping || this.#pingMs === undefined) return;
    this.#roundTripMs = nowMs - this.#pingMs;
    this.#pingMs = undefined;
    this.#verdict = "trusted";
  }

  /** Looks at the time; `ownLagMs` is for how long this node itself stood still just before. */
  look(nowMs: number, ownLagMs: number): LinkVerdict {
    if (this.#pingMs === undefined) return this.#verdict;
    // The pong may wait behind whatever kept this node: it gets its time again.
    if (ownLagMs > this.#limits.ownLagMsMax) this.#pingMs = nowMs;
    const waitedMs = nowMs - this.#pingMs;
    if (waitedMs >= this.#limits.pongMsMax) this.#verdict = "dead";
    else if (waitedMs >= this.#limits.pongLateMs) this.#verdict = "suspected";
    return this.#verdict;
  }
}
