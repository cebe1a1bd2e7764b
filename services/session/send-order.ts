/** One send as it came on a stream. */
export interface OrderedSend {
  readonly conversationId: string;
  /** In lower case. */
  readonly clientMessageId: string;
  /** The device says that this id may have been sent before. */
  readonly retry: boolean;
  /** Monotonic milliseconds; from then on its outcome is unknown. */
  readonly expireMs: number;
}

/** One giving-out of a send: its place in the send epoch, and what `settle` needs back. */
export interface Copy<S extends OrderedSend> {
  readonly send: S;
  readonly sendEpoch: number;
  readonly n: number;
  /** An earlier copy, or an earlier send of this id, may have been given out. */
  readonly retry: boolean;
}

/** What the append of one copy came to. */
export type CopyOutcome = "committed" | "rejected" | "refused" | "unknown" | "moved";

type Answer = "outcome" | "unknown" | "unsettled";

/** What to do next; in order. */
export type SendStep<S extends OrderedSend> =
  | { readonly kind: "give"; readonly copy: Copy<S> }
  /** Answer the send: with what its copy came to, or on behalf of one that came to nothing. */
  | { readonly kind: "answer"; readonly send: S; readonly with: Answer }
  /** Call `giveAgain` for the conversation after a pause; `attempt` counts from 1. */
  | { readonly kind: "giveAgain"; readonly conversationId: string; readonly attempt: number };

interface Pending<S extends OrderedSend> {
  readonly send: S;
  /** Where it stands among all sends of the stream; kept when it is sent again. */
  readonly place: number;
  retry: boolean;
  /** Of the newest copy; 0 before the first. */
  sendEpoch: number;
  /** A copy other than the newest may still be committed, so its fate is open whatever the newest says. */
  othersOpen: boolean;
}

interface Lane<S extends OrderedSend> {
  sendEpoch: number;
  n: number;
  /** Unanswered, oldest first. */
  pending: Pending<S>[];
  /** Ended unknown or refused, oldest first; until the first comes again nothing later is given out. */
  failed: { readonly clientMessageId: string; readonly place: number }[];
  /** `moved` was answered, and the pause before the next send epoch runs. */
  paused: boolean;
  /** A number of this send epoch was not taken, so the owner takes none after it: begin a new one. */
  broken: boolean;
  attempts: number;
}

/**
 * Keeps the sends of one stream to one conversation in order (DESIGN section 7): numbers them within send
 * epochs, gives them out again when their conversation's owner moved, and holds later ones back behind one
 * whose fate the device has to settle. Pure; one instance per stream.
 */
export class SendOrder<S extends OrderedSend> {
  readonly #lanesMax: number;
  readonly #lanes = new Map<string, Lane<S>>();
  // Send epochs are counted per stream, so that a conversation which was forgotten never reuses one.
  #sendEpochs = 0;
  #places = 0;
  #unanswered = 0;

  constructor(lanesMax: number) {
    this.#lanesMax = lanesMax;
  }

  /** Sends without an answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** Conversations with sends that are not settled. */
  get lanes(): number {
    return this.#lanes.size;
  }

  /** The earliest end of an unanswered send's time, in monotonic milliseconds. */
  get expireMs(): number | undefined {
    let earliest: number | undefined;
    for (const lane of this.#lanes.values()) {
      // Every send has the same time, so the oldest of a lane ends first.
      const expireMs = lane.pending[0]?.send.expireMs;
      if (expireMs !== undefined && (earliest === undefined || expireMs < earliest)) earliest = expireMs;
    }
    return earliest;
  }

  /** Takes the next send of the stream; undefined when it would touch more conversations than are kept. */
  take(send: S): SendStep<S>[] | undefined {
    const lane = this.#lane(send.conversationId);
    if (lane === undefined) return undefined;
    const [oldestFailed] = lane.failed;
    if (oldestFailed !== undefined && oldestFailed.clientMessageId !== send.clientMessageId) {
      return [{ kind: "answer", send, with: "unsettled" }];
    }
    lane.failed = lane.failed.filter((failed) => failed.clientMessageId !== send.clientMessageId);
    const repeated = lane.pending.some((other) => other.send.clientMessageId === send.clientMessageId);
    const place = oldestFailed?.place ?? (this.#places += 1);
    const retry = send.retry || repeated || oldestFailed !== undefined;
    const othersOpen = oldestFailed !== undefined;
    const pending: Pending<S> = { send, place, retry, sendEpoch: 0, othersOpen };
    lane.pending.push(pending);
    this.#unanswered += 1;
    if (lane.paused) return [];
    return lane.broken ? this.#beginEpoch(lane) : [give(lane, pending)];
  }

  /** Takes what one copy came to. Only what the newest copy says counts, except that a commit is a commit. */
  settle(copy: Copy<S>, outcome: CopyOutcome): SendStep<S>[] {
    const lane = this.#lanes.get(copy.send.conversationId);
    const pending = lane?.pending.find((candidate) => candidate.send === copy.send);
    if (lane === undefined || pending === undefined) return [];
    if (outcome !== "committed" && pending.sendEpoch !== copy.sendEpoch) return [];
    switch (outcome) {
      case "committed":
      case "rejected":
        lane.attempts = 0;
        return [this.#answer(lane, pending, "outcome")];
      case "refused":
        return this.#refused(lane, pending);
      case "unknown":
        return this.#unknown(lane, pending, "outcome");
      case "moved":
        return this.#moved(lane, pending);
    }
  }

  /** Gives a conversation's unanswered sends out again, after the pause that `settle` asked for. */
  giveAgain(conversationId: string): SendStep<S>[] {
    const lane = this.#lanes.get(conversationId);
    if (lane === undefined || !lane.paused) return [];
    return this.#beginEpoch(lane);
  }

  /** Answers the sends whose time is over, and those that came after them. */
  expire(nowMs: number): SendStep<S>[] {
    const steps: SendStep<S>[] = [];
    for (const lane of Array.from(this.#lanes.values())) {
      const overdue = lane.pending.find((pending) => pending.send.expireMs <= nowMs);
      if (overdue !== undefined) steps.push(...this.#unknown(lane, overdue, "unknown"));
    }
    return steps;
  }

  #lane(conversationId: string): Lane<S> | undefined {
    const found = this.#lanes.get(conversationId);
    if (found !== undefined) return found;
    if (this.#lanes.size >= this.#lanesMax) return undefined;
    this.#sendEpochs += 1;
    const sendEpoch = this.#sendEpochs;
    const lane: Lane<S> = {
      sendEpoch,
      n: 0,
      pending: [],
      failed: [],
      paused: false,
      broken: false,
      attempts: 0,
    };
    this.#lanes.set(conversationId, lane);
    return lane;
  }

  #beginEpoch(lane: Lane<S>): SendStep<S>[] {
    this.#sendEpochs += 1;
    lane.sendEpoch = this.#sendEpochs;
    lane.n = 0;
    lane.paused = false;
    lane.broken = false;
    return lane.pending.map((pending) => give(lane, pending));
  }

  /** This copy was not written, so nothing after it in this send epoch is taken either; another copy may be. */
  #refused(lane: Lane<S>, pending: Pending<S>): SendStep<S>[] {
    return this.#fail(lane, pending, pending.othersOpen ? "unknown" : "outcome", (later) =>
      later.othersOpen ? "unknown" : "unsettled",
    );
  }

  #unknown(lane: Lane<S>, pending: Pending<S>, answer: "outcome" | "unknown"): SendStep<S>[] {
    return this.#fail(lane, pending, answer, () => "unknown");
  }

  #moved(lane: Lane<S>, pending: Pending<S>): SendStep<S>[] {
    if (lane.paused) return [];
    lane.paused = true;
    lane.attempts += 1;
    return [{ kind: "giveAgain", conversationId: pending.send.conversationId, attempt: lane.attempts }];
  }

  /**
   * Ends one send and all that came after it, so that unanswered ones are always older than failed ones.
   * Each that was given out has to come again before anything newer; one that was not is simply refused.
   */
  #fail(
    lane: Lane<S>,
    first: Pending<S>,
    answer: Answer,
    laterAnswer: (later: Pending<S>) => Answer,
  ): SendStep<S>[] {
    lane.broken = true;
    const steps: SendStep<S>[] = [];
    for (const pending of lane.pending.slice(lane.pending.indexOf(first))) {
      const given = pending.sendEpoch !== 0 || pending.othersOpen;
      const wanted = pending === first ? answer : laterAnswer(pending);
      steps.push(this.#answer(lane, pending, given ? wanted : "unsettled"));
      if (!given) continue;
      lane.failed.push({ clientMessageId: pending.send.clientMessageId, place: pending.place });
      this.#lanes.set(pending.send.conversationId, lane);
    }
    lane.failed.sort((one, other) => one.place - other.place);
    return steps;
  }

  #answer(lane: Lane<S>, pending: Pending<S>, answer: Answer): SendStep<S> {
    lane.pending = lane.pending.filter((other) => other !== pending);
    this.#unanswered -= 1;
    if (lane.pending.length === 0 && lane.failed.length === 0)
      this.#lanes.delete(pending.send.conversationId);
    return { kind: "answer", send: pending.send, with: answer };
  }
}

function give<S extends OrderedSend>(lane: Lane<S>, pending: Pending<S>): SendStep<S> {
  lane.n += 1;
  const retry = pending.retry;
  // Whatever is given out from now on is at least the second copy.
  pending.retry = true;
  if (pending.sendEpoch !== 0) pending.othersOpen = true;
  pending.sendEpoch = lane.sendEpoch;
  return { kind: "give", copy: { send: pending.send, sendEpoch: lane.sendEpoch, n: lane.n, retry } };
}
