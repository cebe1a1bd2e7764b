import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { PositionSchema } from "../../gen/parley/message/v1/entry_pb.ts";
import {
  type SendMessageRequest,
  SendMessageRequestSchema,
  SendMessageResponseSchema,
} from "../../gen/parley/message/v1/message_service_pb.ts";
import { type SendResult, SendResultSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { backoffDelayMs } from "../kernel/backoff.ts";
import type { Timer } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import type { AppendResult, Committed } from "../message/append-command.ts";
import { mayComeAgain } from "../message/append-results.ts";
import { reasonCodeOf } from "../rpc/reason-code.ts";
import { type Copy, type CopyOutcome, type OrderedSend, SendOrder, type SendStep } from "./send-order.ts";
import { idCharsMax, sendLanesMax, sendMsMax, unsettledRetryMs } from "./session-limits.ts";
import type { SessionDevice, SessionParts } from "./session-parts.ts";
import { timestampOf } from "./wire-time.ts";

/** Takes the one result of a send. */
export type ResultSink = (result: SendResult) => void;

interface DeskSend extends OrderedSend {
  readonly request: SendMessageRequest;
  readonly sink: ResultSink;
}

/** Pause before the sends of a conversation that moved are given out again. */
const movedBackoff = { baseMs: 20, maxMs: 500 };

/** Gives the sends of one stream to their conversations' owners and answers each exactly once. */
export class SendDesk {
  readonly #parts: SessionParts;
  readonly #device: SessionDevice;
  readonly #order = new SendOrder<DeskSend>(sendLanesMax);
  readonly #pauses = new Set<Timer>();
  #expiry: Timer | undefined;
  #closed = false;

  constructor(parts: SessionParts, device: SessionDevice) {
    this.#parts = parts;
    this.#device = device;
  }

  /** Sends without an answer. */
  get unanswered(): number {
    return this.#order.unanswered;
  }

  /** Takes one send; false when it would touch more conversations with unsettled sends than a stream may. */
  take(request: SendMessageRequest, sink: ResultSink): boolean {
    try {
      this.#parts.validateMessage(SendMessageRequestSchema, request);
    } catch (error) {
      this.#answer(request, sink, error);
      return true;
    }
    const steps = this.#order.take({
      conversationId: request.conversationId,
      clientMessageId: request.clientMessageId.toLowerCase(),
      retry: request.retry,
      expireMs: this.#parts.clock.monotonicMs() + sendMsMax,
      request,
      sink,
    });
    if (steps === undefined) return false;
    this.#follow(steps);
    return true;
  }

  /** Ends the timers. What is unanswered stays so: whether it is committed, the device learns elsewhere. */
  close(): void {
    this.#closed = true;
    this.#expiry?.cancel();
    for (const pause of this.#pauses) pause.cancel();
    this.#pauses.clear();
  }

  #follow(steps: readonly SendStep<DeskSend>[], result?: AppendResult): void {
    if (this.#closed) return;
    for (const step of steps) {
      if (step.kind === "give") void this.#give(step.copy);
      else if (step.kind === "giveAgain") this.#pause(step.conversationId, step.attempt);
      else if (step.with === "outcome" && result?.kind === "committed")
        this.#commit(step.send, result.committed);
      else if (step.with === "outcome" && result?.kind === "failed") this.#fail(step.send, result.fault);
      else this.#fail(step.send, step.with === "unsettled" ? unsettledFault() : unknownFault());
    }
    this.#watchExpiry();
  }

  async #give(copy: Copy<DeskSend>): Promise<void> {
    const { send, sendEpoch, n, retry } = copy;
    const { content } = send.request;
    if (content === undefined) throw new Error("a send without content passed validation");
    const order = { stream: this.#device.sessionId, sendEpoch, n };
    let result: AppendResult;
    try {
      result = await this.#parts.appends.append({
        conversationId: send.conversationId,
        senderId: this.#device.accountId,
        senderDeviceId: this.#device.deviceId,
        clientMessageId: send.clientMessageId,
        body: { kind: "message", content },
        retry,
        expireMs: send.expireMs,
        order,
      });
    } catch (error) {
      // A bug, which is reported; whether the entry was written before it nobody knows.
      this.#parts.failureOf(error, "append of a stream's send");
      result = { kind: "failed", fault: unknownFault() };
    }
    this.#follow(this.#order.settle(copy, outcomeOf(result)), result);
  }

  #pause(conversationId: string, attempt: number): void {
    const { clock, rng } = this.#parts;
    const delayMs = backoffDelayMs(movedBackoff, attempt, rng.fraction()) ?? movedBackoff.maxMs;
    const pause = clock.after(delayMs, () => {
      this.#pauses.delete(pause);
      this.#follow(this.#order.giveAgain(conversationId));
    });
    this.#pauses.add(pause);
  }

  #watchExpiry(): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
    const { clock } = this.#parts;
    const { expireMs } = this.#order;
    if (expireMs === undefined) return;
    this.#expiry = clock.after(Math.max(expireMs - clock.monotonicMs(), 0), () =>
      this.#follow(this.#order.expire(clock.monotonicMs())),
    );
  }

  #commit({ request, sink }: DeskSend, committed: Committed): void {
    this.#parts.metrics.sends.add(1, { outcome: "committed" });
    const { conversationId, epoch, seq, messageOrdinal, entryId, createTimeMs } = committed;
    const value = create(SendMessageResponseSchema, {
      position: create(PositionSchema, { conversationId, epoch, seq }),
      messageOrdinal,
      entryId,
      createTime: timestampOf(createTimeMs),
    });
    sink(resultOf(request, { case: "committed", value }));
  }

  #fail({ request, sink }: DeskSend, fault: Fault): void {
    this.#answer(request, sink, fault);
  }

  #answer(request: SendMessageRequest, sink: ResultSink, error: unknown): void {
    const failure = this.#parts.failureOf(error, "a stream's send");
    this.#parts.metrics.sends.add(1, {
      outcome: reasonCodeOf(failure.reason)?.name.toLowerCase() ?? "unknown",
    });
    sink(resultOf(request, { case: "failed", value: failure }));
  }
}

/** A result under the ids of its request, as they were sent; cut where no id may be that long. */
export function resultOf(request: SendMessageRequest, outcome: SendResult["outcome"]): SendResult {
  const clientMessageId = echoOf(request.clientMessageId);
  const conversationId = echoOf(request.conversationId);
  return create(SendResultSchema, { clientMessageId, conversationId, outcome });
}

/** Answers wait in the node when a device does not read, so they must not be as large as what it sends. */
function echoOf(id: string): string {
  return id.slice(0, idCharsMax).toWellFormed();
}

/** The outcome of a send about which nothing is known. */
export function unknownFault(): Fault {
  return new Fault(
    ErrorReason.OUTCOME_UNKNOWN,
    "Whether the message was appended is unknown; send it again",
    {
      retryDelayMs: unsettledRetryMs,
    },
  );
}

function unsettledFault(): Fault {
  const message = "An earlier send of this stream to this conversation is not settled; send that one first";
  return new Fault(ErrorReason.EARLIER_SEND_UNSETTLED, message, { retryDelayMs: unsettledRetryMs });
}

function outcomeOf(result: AppendResult): CopyOutcome {
  if (result.kind !== "failed") return result.kind;
  if (result.fault.reason === ErrorReason.OUTCOME_UNKNOWN) return "unknown";
  return mayComeAgain(result.fault) ? "refused" : "rejected";
}
