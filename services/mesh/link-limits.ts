import type { BackoffPolicy } from "../kernel/backoff.ts";

/** Every bound of a link. DESIGN.md says what happens at each of them. */
export const linkLimits = {
  /** Items and bytes that were not acknowledged; one more ends the epoch. */
  itemsUnacknowledgedMax: 8_192,
  bytesUnacknowledgedMax: 8 * 1024 * 1024,
  /** Bytes of one item, and of the body of a call or an answer. A larger item ends the epoch, a larger body fails. */
  bodyBytesMax: 1024 * 1024,
  /** Items of one frame, and their bytes; a single larger item is a frame of its own. The same for hints, calls, answers. */
  frameItemsMax: 64,
  frameBytesMax: 16 * 1024,
  /** Hints that wait while the other side does not keep up, and their bytes; the oldest go. */
  hintsWaitingMax: 1_024,
  hintBytesWaitingMax: 1024 * 1024,
  /** Calls without an answer, on one link, and the bytes of those that were not sent yet; one more fails. */
  callsPendingMax: 10_000,
  callBytesWaitingMax: 8 * 1024 * 1024,
  /** Calls of one other node that are being answered, or whose answers wait; one more fails, twice as many end the stream. */
  callsAnsweringMax: 4_000,
  /** Nodes whose streams are remembered. Beyond them those without a stream are forgotten, and then new ones turned away. */
  sendersMax: 1_000,
  /** Between two pings, in milliseconds. */
  pingIntervalMs: 1_000,
  /** A pong that is this late makes the other node suspected. */
  pongLateMs: 2_000,
  /** A stream without a pong for this long is given up. */
  pongMsMax: 10_000,
  /** A node whose own loop stood still for longer believes neither its own timers nor that what it reads is new. */
  ownLagMsMax: 500,
  /** From the opening of a stream to its hello and its welcome, and from a refusal to the end of its stream. */
  welcomeMsMax: 3_000,
  /** Between two tries to open a stream. */
  redial: { baseMs: 50, maxMs: 2_000 } satisfies BackoffPolicy,
  /** After the refusal of a node that speaks other protocols. */
  refusedPauseMs: 30_000,
  /** A link that was away for so long is worth a warning, and an error. */
  awayWarnMs: 5_000,
  awayErrorMs: 60_000,
} as const;

/** The bounds in force: `linkLimits`, or what a test puts in place of some of them. */
export type LinkLimits = {
  readonly [Name in keyof typeof linkLimits]: (typeof linkLimits)[Name] extends number
    ? number
    : BackoffPolicy;
};
