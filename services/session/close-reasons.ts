import { create } from "@bufbuild/protobuf";
import {
  CloseAction,
  CloseReason,
  CloseReasonSchema,
  type StreamClosed,
  StreamClosedSchema,
} from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { controlFrame, type EncodedFrame } from "./frame-writer.ts";
import { durationOf } from "./wire-time.ts";

/** A reason to close a stream. */
export type ClosedBecause = Exclude<CloseReason, typeof CloseReason.UNSPECIFIED>;

/** What a device is told to do when its stream was closed for a reason. */
interface CloseAdvice {
  readonly action: CloseAction;
  /** With RECONNECT_AFTER_DELAY; unset means full jitter up to a second. */
  readonly retryDelayMs?: number;
  readonly message: string;
}

const { RECONNECT_NOW, RECONNECT_AFTER_DELAY, RECONNECT_AFTER_LOGIN, STAY_CLOSED } = CloseAction;

/** One row per reason. Where two devices would evict each other for ever, the evicted one stays closed. */
const adviceByReason: Readonly<Record<ClosedBecause, CloseAdvice>> = {
  [CloseReason.DRAINING]: { action: RECONNECT_AFTER_DELAY, message: "The node is about to stop." },
  [CloseReason.OVERLOADED]: {
    action: RECONNECT_AFTER_DELAY,
    retryDelayMs: 5_000,
    message: "The node has too much to do.",
  },
  [CloseReason.TOO_SLOW]: {
    action: RECONNECT_AFTER_DELAY,
    retryDelayMs: 5_000,
    message: "More than 1 MiB waited in the connection.",
  },
  [CloseReason.ACK_TIMEOUT]: {
    action: RECONNECT_AFTER_DELAY,
    retryDelayMs: 5_000,
    message: "The oldest event was sent five times and never acknowledged.",
  },
  [CloseReason.PONG_TIMEOUT]: { action: RECONNECT_NOW, message: "No frame came for three heartbeats." },
  [CloseReason.TOKEN_EXPIRED]: {
    action: RECONNECT_AFTER_LOGIN,
    message: "The access token expired, or the one to renew it with is not valid.",
  },
  [CloseReason.DEVICE_REVOKED]: {
    action: RECONNECT_AFTER_LOGIN,
    message: "The device was revoked or logged out, or its account deleted.",
  },
  [CloseReason.ACCOUNT_SUSPENDED]: { action: STAY_CLOSED, message: "The account was suspended." },
  [CloseReason.DEVICE_LIMIT]: {
    action: STAY_CLOSED,
    message: "More devices of the account are attached than it may have; this one was attached longest ago.",
  },
  [CloseReason.SUPERSEDED]: { action: STAY_CLOSED, message: "A newer stream of this device took over." },
  [CloseReason.PROTOCOL_VIOLATION]: {
    action: RECONNECT_AFTER_DELAY,
    retryDelayMs: 30_000,
    message: "The device broke the rules of the stream.",
  },
  [CloseReason.INTERNAL]: {
    action: RECONNECT_AFTER_DELAY,
    retryDelayMs: 5_000,
    message: "The node failed unexpectedly.",
  },
};

/** What may differ from the reason's own advice. */
export interface CloseDetails {
  /** One sentence for developers; cut at 512 characters. */
  readonly message?: string;
  readonly retryDelayMs?: number;
}

/** Characters of a message; contract. */
const messageCharsMax = 512;
/** The longest delay that the contract allows, in milliseconds. */
const retryDelayMsMax = 300_000;

/** The last frame of a stream. */
export function closedFrame(reason: ClosedBecause, details: CloseDetails = {}): EncodedFrame {
  return controlFrame({ case: "closed", value: streamClosed(reason, details) });
}

/** The last frame's content for a reason. */
export function streamClosed(reason: ClosedBecause, details: CloseDetails = {}): StreamClosed {
  const advice = adviceByReason[reason] ?? adviceByReason[CloseReason.INTERNAL];
  const delayMs = details.retryDelayMs ?? advice.retryDelayMs;
  const delayed = advice.action === RECONNECT_AFTER_DELAY && delayMs !== undefined;
  return create(StreamClosedSchema, {
    reason,
    action: advice.action,
    message: (details.message ?? advice.message).slice(0, messageCharsMax),
    ...(delayed ? { retryDelay: durationOf(Math.min(Math.max(delayMs, 0), retryDelayMsMax)) } : {}),
  });
}

/** The reason's name for logs and metrics: `too_slow`. */
export function closeReasonName(reason: ClosedBecause): string {
  const name = CloseReasonSchema.value[reason]?.name ?? "";
  return name.replace(/^CLOSE_REASON_/, "").toLowerCase();
}
