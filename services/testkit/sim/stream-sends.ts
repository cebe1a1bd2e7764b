import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorReasonSchema } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import {
  type SendMessageRequest,
  SendMessageRequestSchema,
} from "../../../gen/parley/message/v1/message_service_pb.ts";
import type { SendResult } from "../../../gen/parley/session/v1/session_pb.ts";
import type { SendRecord } from "../../history/history.ts";
import type { Clock, Timer } from "../../kernel/clock.ts";
import type { Rng } from "../../kernel/rng.ts";
import type { Settlement } from "./sim-journal.ts";

/** Sends of one stream that may be unanswered at once; the node stops reading at 64. */
const inFlightMax = 48;

interface Pending {
  readonly record: SendRecord;
  readonly settle: (settlement: Settlement) => void;
  inFlight: boolean;
}

interface Lane {
  /** Unsettled, in the order in which they were made. */
  readonly pending: Pending[];
  /** One of them was refused for now: nothing goes out until all are answered and the delay is over. */
  refused: boolean;
  retryDelayMs: number;
}

/**
 * The sends of one device over its streams: in order per conversation, under the same ids over retries and reconnects,
 * and each settled once. What the contract asks of a client that wants order and no duplicates.
 */
export class StreamSends {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #lanes = new Map<string, Lane>();
  readonly #timers = new Set<Timer>();
  #say: ((request: SendMessageRequest) => void) | undefined;
  #inFlight = 0;

  constructor({ clock, rng }: { readonly clock: Clock; readonly rng: Rng }) {
    this.#clock = clock;
    this.#rng = rng;
  }

  /** Takes a message; resolves when its outcome is final. */
  send(record: SendRecord): Promise<Settlement> {
    return new Promise((settle) => {
      this.#lane(record.conversationId).pending.push({ record, settle, inFlight: false });
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
    const pending = lane?.pending.find(({ record }) => record.clientMessageId === clientMessageId);
    if (lane === undefined || pending === undefined) return;
    if (pending.inFlight) this.#inFlight -= 1;
    pending.inFlight = false;
    if (outcome.case === "committed") {
      const { position, entryId } = outcome.value;
      this.#settle(lane, pending, { kind: "acknowledged", seq: position?.seq ?? 0n, entryId });
    } else if (outcome.case === "failed" && outcome.value.retryDelay === undefined) {
      const reason = ErrorReasonSchema.value[outcome.value.reason]?.localName ?? "";
      this.#settle(lane, pending, { kind: "rejected", reason });
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
    const timer = this.#clock.after(lane.retryDelayMs * (1 + this.#rng.fraction()), () => {
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
        const { record } = pending;
        record.tries += 1;
        this.#say(requestOf(record));
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

/** The request of one try of a send; set `retry` from the second one on. */
export function requestOf({ conversationId, clientMessageId, text, tries }: SendRecord): SendMessageRequest {
  const content = { kind: { case: "text", value: { text } } } as const;
  return create(SendMessageRequestSchema, { conversationId, clientMessageId, content, retry: tries > 1 });
}
