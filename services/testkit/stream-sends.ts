import { durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorReasonSchema } from "../../gen/parley/error/v1/error_reason_pb.ts";
import type { SendMessageRequest } from "../../gen/parley/message/v1/message_service_pb.ts";
import type { SendResult } from "../../gen/parley/session/v1/session_pb.ts";

/** Sends of one stream that may be unanswered at once; the node stops reading at 64. */
const inFlightMax = 48;

/** The end of a send. */
export type Settlement =
  | { readonly kind: "acknowledged"; readonly seq: bigint; readonly entryId: string }
  | { readonly kind: "rejected"; readonly reason: string };

/** What waiting takes, on whatever time. */
export interface StreamSendsOptions {
  /** Calls back once after so many milliseconds, unless it is cancelled before. */
  readonly after: (ms: number, callback: () => void) => { cancel(): void };
  /** At least 0 and below 1, by chance: clients that were refused together do not come back together. */
  readonly fraction: () => number;
}

interface Pending {
  readonly request: SendMessageRequest;
  readonly settle: (settlement: Settlement) => void;
  readonly onTry: () => void;
  inFlight: boolean;
  tried: boolean;
}

interface Lane {
  /** Unsettled, in the order in which they were made. */
  pending: Pending[];
  /** One of them was refused for now: nothing goes out until all are answered and the delay is over. */
  refused: boolean;
  retryDelayMs: number;
}

/**
 * The sends of one device over its streams. They go out in order per conversation, keep their ids over retries and
 * reconnects, and settle exactly once: what the contract asks of a client that wants order and no duplicates.
 */
export class StreamSends {
  readonly #options: StreamSendsOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #timers = new Set<{ cancel(): void }>();
  #say: ((request: SendMessageRequest) => void) | undefined;
  #inFlight = 0;

  constructor(options: StreamSendsOptions) {
    this.#options = options;
  }

  /** Sends that are not settled. */
  get unsettled(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.pending.length;
    return count;
  }

  /** Sends that are on their way and not answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes a message; resolves when its outcome is final. `onTry` is told before each time it goes out. */
  send(request: SendMessageRequest, onTry: () => void): Promise<Settlement> {
    return new Promise((settle) => {
      const lane = this.#lane(request.conversationId);
      lane.pending.push({ request, settle, onTry, inFlight: false, tried: false });
      this.#pump();
    });
  }

  /** A stream is open: everything unsettled goes out again, oldest first. */
  attached(say: (request: SendMessageRequest) => void): void {
    this.detached();
    this.#say = say;
    this.#pump();
  }

  /** The stream is gone, and with it the answers that were owed. */
  detached(): void {
    this.#say = undefined;
    this.#inFlight = 0;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const lane of this.#lanes.values()) {
      lane.refused = false;
      for (const pending of lane.pending) pending.inFlight = false;
    }
  }

  /** Takes an answer of the current stream. */
  result({ conversationId, clientMessageId, outcome }: SendResult): void {
    const lane = this.#lanes.get(conversationId);
    const pending = lane?.pending.find(({ request }) => request.clientMessageId === clientMessageId);
    if (lane === undefined || pending === undefined) return;
    if (pending.inFlight) this.#inFlight -= 1;
    pending.inFlight = false;
    if (outcome.case === "committed") {
      const { position, entryId } = outcome.value;
      this.#settle(lane, pending, { kind: "acknowledged", seq: position?.seq ?? 0n, entryId });
    } else if (outcome.case === "failed" && outcome.value.retryDelay === undefined) {
      this.#settle(lane, pending, {
        kind: "rejected",
        reason: ErrorReasonSchema.value[outcome.value.reason]?.localName ?? "",
      });
    } else {
      const delay = outcome.case === "failed" ? outcome.value.retryDelay : undefined;
      lane.refused = true;
      lane.retryDelayMs = Math.max(lane.retryDelayMs, delay === undefined ? 0 : durationMs(delay));
    }
    this.#resumeLane(lane);
    this.#pump();
  }

  #settle(lane: Lane, pending: Pending, settlement: Settlement): void {
    lane.pending.splice(lane.pending.indexOf(pending), 1);
    pending.settle(settlement);
  }

  /** Once nothing of a refused lane is on its way, all of it goes out again in the old order, after the delay. */
  #resumeLane(lane: Lane): void {
    if (!lane.refused || lane.pending.some(({ inFlight }) => inFlight)) return;
    const { after, fraction } = this.#options;
    const timer = after(lane.retryDelayMs * (1 + fraction()), () => {
      this.#timers.delete(timer);
      lane.refused = false;
      this.#pump();
    });
    lane.retryDelayMs = 0;
    this.#timers.add(timer);
  }

  #pump(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.refused) continue;
      for (const pending of lane.pending) {
        if (this.#say === undefined || this.#inFlight >= inFlightMax) return;
        if (pending.inFlight) continue;
        pending.inFlight = true;
        this.#inFlight += 1;
        pending.onTry();
        this.#say({ ...pending.request, retry: pending.tried });
        pending.tried = true;
      }
    }
  }

  #lane(conversationId: string): Lane {
    const found = this.#lanes.get(conversationId);
    if (found !== undefined) return found;
    const lane: Lane = { pending: [], refused: false, retryDelayMs: 0 };
    this.#lanes.set(conversationId, lane);
    return lane;
  }
}
