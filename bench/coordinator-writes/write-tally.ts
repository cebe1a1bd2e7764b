/** A node's counters of calls to the coordinator that change the list. */
export interface WriteCounters {
  readonly joins: number;
  readonly leaves: number;
  readonly renewals: number;
}

/** The same in some time, with renewals told apart. */
export interface NodeWrites {
  readonly joins: number;
  readonly leaves: number;
  readonly heartbeats: number;
  /** Renewals that came early, because the node had something new to say. */
  readonly early: number;
}

/**
 * From one renewal of a node to the next, in milliseconds, when nothing else is to be said: a renewal that comes much sooner
 * says something new, and any write begins this time anew.
 */
const heartbeatMs = 2_500;
const earlyMsMax = 0.9 * heartbeatMs;

/** What one node wrote, as its counters tell from time to time; they are to be looked at several times a second. Pure. */
export class WriteTally {
  #seen: WriteCounters;
  #lastWriteMs: number;
  #writes: NodeWrites = { joins: 0, leaves: 0, heartbeats: 0, early: 0 };

  /** Begins with these counters. `lastWriteMs`: of the node's last write, minus infinity when that is not known. */
  constructor(seen: WriteCounters, lastWriteMs: number) {
    this.#seen = seen;
    this.#lastWriteMs = lastWriteMs;
  }

  get writes(): NodeWrites {
    return this.#writes;
  }

  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  look(seen: WriteCounters, nowMs: number): void {
    const joins = seen.joins - this.#seen.joins;
    const leaves = seen.leaves - this.#seen.leaves;
    const renewals = seen.renewals - this.#seen.renewals;
    const heartbeats = renewals > 0 && nowMs - this.#lastWriteMs > earlyMsMax ? 1 : 0;
    this.#seen = seen;
    if (joins + leaves + renewals > 0) this.#lastWriteMs = nowMs;
    this.#writes = {
      joins: this.#writes.joins + joins,
      leaves: this.#writes.leaves + leaves,
      heartbeats: this.#writes.heartbeats + heartbeats,
      early: this.#writes.early + renewals - heartbeats,
    };
  }
}

/** All writes but heartbeats. */
export function otherWrites({ joins, leaves, early }: NodeWrites): number {
  return joins + leaves + early;
}
