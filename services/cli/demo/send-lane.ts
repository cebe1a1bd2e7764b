import { durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason, ErrorReasonSchema } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import type { SendMessageRequest } from "../../../gen/parley/message/v1/message_service_pb.ts";
import type { SendResult } from "../../../gen/parley/session/v1/session_pb.ts";

/** Sends that may be unanswered at once, less than the 64 at which the node stops reading the stream. */
export const sendsUnansweredMax = 48;

/** The end of a send. */
export type Settlement =
  | { readonly kind: "acknowledged"; readonly seq: bigint; readonly entryId: string }
  | { readonly kind: "rejected"; readonly reason: string };

interface LaneSend {
  readonly request: SendMessageRequest;
  underWay: boolean;
  tried: boolean;
}

/**
 * The sends of one device to one conversation, as "Sends" in proto/README.md asks: in order, each under its id until
 * its outcome is final. After a refusal for now nothing goes out until all that is under way is answered and the delay
 * is over; then everything goes out again, oldest first. Holds what it is given; who gives it waits for outcomes.
 */
export class SendLane {
  /** Without a final outcome, in the order in which they were made. */
  readonly #pending: LaneSend[] = [];
  #underWay = 0;
  #refusedMs: number | undefined;
  #attached = false;

  /** Sends without a final outcome. */
  get unsettled(): number {
    return this.#pending.length;
  }

  /** Sends that went out and were not answered. */
  get underWay(): number {
    return this.#underWay;
  }

  add(request: SendMessageRequest): void {
    this.#pending.push({ request, underWay: false, tried: false });
  }

  /** The next one to go out on the stream, which counts as under way from now on; undefined when none may now. */
  next(): SendMessageRequest | undefined {
    if (!this.#attached || this.#refusedMs !== undefined || this.#underWay >= sendsUnansweredMax) {
      return undefined;
    }
    const send = this.#pending.find(({ underWay }) => !underWay);
    if (send === undefined) return undefined;
    const request = { ...send.request, retry: send.tried };
    send.underWay = true;
    send.tried = true;
    this.#underWay += 1;
    return request;
  }

  /** Takes an answer of the stream. The settlement, when it is final. */
  answer({ clientMessageId, outcome }: SendResult): Settlement | undefined {
    const index = this.#pending.findIndex(({ request }) => request.clientMessageId === clientMessageId);
    const send = this.#pending[index];
    if (send === undefined) return undefined;
    if (send.underWay) this.#underWay -= 1;
    send.underWay = false;
    const settlement = settlementOf(outcome);
    if (settlement !== undefined) this.#pending.splice(index, 1);
    else this.#refusedMs = Math.max(this.#refusedMs ?? 0, delayMsOf(outcome));
    return settlement;
  }

  /** After a refusal, once nothing is under way: how long to wait before `resume`, in milliseconds. Else undefined. */
  get pauseMs(): number | undefined {
    return this.#underWay === 0 ? this.#refusedMs : undefined;
  }

  /** The pause is over. */
  resume(): void {
    this.#refusedMs = undefined;
  }

  /** A new stream is open: everything without a final outcome goes out again. */
  attached(): void {
    this.detached();
    this.#attached = true;
  }

  /** The stream is gone, and the answers that were owed with it. */
  detached(): void {
    this.#attached = false;
    this.#refusedMs = undefined;
    this.#underWay = 0;
    for (const send of this.#pending) send.underWay = false;
  }
}

/** Final are `committed`, and `failed` without a delay; an unknown outcome never is. */
function settlementOf(outcome: SendResult["outcome"]): Settlement | undefined {
  if (outcome.case === "committed") {
    const { position, entryId } = outcome.value;
    return { kind: "acknowledged", seq: position?.seq ?? 0n, entryId };
  }
  if (outcome.case === undefined) return undefined;
  const { reason, retryDelay } = outcome.value;
  if (retryDelay !== undefined || reason === ErrorReason.OUTCOME_UNKNOWN) return undefined;
  return { kind: "rejected", reason: ErrorReasonSchema.value[reason]?.localName ?? `reason ${reason}` };
}

function delayMsOf(outcome: SendResult["outcome"]): number {
  const delay = outcome.case === "failed" ? outcome.value.retryDelay : undefined;
  return delay === undefined ? 0 : durationMs(delay);
}
