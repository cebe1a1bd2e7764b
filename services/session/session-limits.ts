/** Bounds of attached streams that are part of the contract, or follow from it. A node's own are in `NodeLimits`. */

/** Milliseconds that a device has for its first frame; then OPEN_MISSING. */
export const openMsMax = 5_000;

/** Positions that one stream may name; one more is a violation. */
export const positionsMax = 10_000;

/** `follow` frames that wait until the feed is open; one more is a violation. */
export const followsPendingMax = 1_000;

/** Unacknowledged events when the device does not say, and at most. */
export const windowEventsDefault = 256;
export const windowEventsMax = 1_024;

/** Bytes of unacknowledged events; one event is always admitted. */
export const windowBytesMax = 64 * 1024;

/** Bytes of one server frame; one event may be larger. */
export const frameBytesMax = 16 * 1024;

/** Bytes that may wait in a connection; above, the stream closes with TOO_SLOW. */
export const unflushedBytesMax = 1024 * 1024;

/** Heartbeat when the device does not say, at least and at most, in milliseconds. */
export const heartbeatMsDefault = 25_000;
export const heartbeatMsMin = 15_000;
export const heartbeatMsMax = 120_000;

/** A device on another node of which nothing was heard for so long is taken for gone: three of the longest heartbeats. */
export const deviceSilenceMsMax = 3 * heartbeatMsMax;

/** Heartbeats without any frame from the device; then PONG_TIMEOUT. */
export const silentHeartbeatsMax = 3;

/** Sends without an answer, and answers that wait for the connection; at this many the node stops reading. */
export const owedMax = 64;

/** Characters of each id that a result echoes; contract. A longer one belongs to a send that failed for it. */
export const idCharsMax = 64;

/** Milliseconds from a send to its answer. */
export const sendMsMax = 8_000;

/** Conversations of one stream with sends that are not settled; one more closes the stream with OVERLOADED. */
export const sendLanesMax = 128;

/** Milliseconds after which Submit answers, whatever is still open: below the 10 s that the contract allows. */
export const submitMsMax = 9_500;

/** Milliseconds that a Poll waits when the device does not say. */
export const pollWaitMsDefault = 25_000;

/** Bytes at which a Poll takes no more events: with one more event and all answers it stays under 256 KiB. */
export const pollFillBytes = 96 * 1024;

/** Milliseconds for which a closed session keeps its last frame for the next Poll. */
export const pollLingerMs = 30_000;

/** Signals that wait for the connection; further keys are dropped. */
export const signalsPendingMax = 256;

/** Milliseconds of work after which a pump, or a mass of closings, lets the loop turn. */
export const sliceMsMax = 4;

/** Milliseconds between two typing signals of one account in one conversation. */
export const typingIntervalMs = 1_000;

/** Typing signals whose time is remembered, per node; the oldest are forgotten. */
export const typingKeysMax = 10_000;

/** Milliseconds after which a refused `EARLIER_SEND_UNSETTLED` may be tried again. */
export const unsettledRetryMs = 1_000;

/** The newest revision of the frames that this node understands. */
export const frameRevision = 2;

/** Limits that an operator may want to change. */
export interface NodeLimits {
  /** Attached sessions of a node, those that are just opening included. Above: OVERLOADED. */
  readonly sessionsMax: number;
  /** Attached devices of one account. Above: the one attached longest ago is closed with DEVICE_LIMIT. */
  readonly devicesPerAccountMax: number;
  /** Opens per second in the long run, and at once. Above: OVERLOADED. */
  readonly opensPerSecond: number;
  readonly opensBurst: number;
  /** Opens that wait for the store at once. Above: OVERLOADED. */
  readonly opensConcurrentMax: number;
}

export const nodeLimitsDefault: NodeLimits = {
  sessionsMax: 20_000,
  devicesPerAccountMax: 10,
  opensPerSecond: 500,
  opensBurst: 1_000,
  opensConcurrentMax: 256,
};
