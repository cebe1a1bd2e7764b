/** Limits of calls, whatever connection they come on. */
export interface CallLimits {
  /** Bytes of one request message, after decompression. Above: REQUEST_TOO_LARGE. */
  readonly readBytesMax: number;
  /** Bytes of one response message. Above: a bug of the node. */
  readonly writeBytesMax: number;
  /** Responses from this size on are compressed, for clients that ask for it; never on push streams. */
  readonly compressBytesMin: number;
  /** The longest deadline, in milliseconds, that a client may state on any call. Above: MALFORMED_REQUEST. */
  readonly timeoutMsMax: number;
  /** Deadline, in milliseconds, of a unary call whose client states none. */
  readonly unaryTimeoutMsDefault: number;
  /** The longest a unary call runs, in milliseconds; a longer stated deadline is cut to this. */
  readonly unaryTimeoutMsMax: number;
  /** Bytes of one push stream that the socket has not taken. Above: the write throws; domains stop earlier. */
  readonly unflushedBytesMax: number;
}

/** 256 KiB in, 4 MiB out, a day for streams, 10 to 60 seconds for unary calls. */
export const callLimitsDefault: CallLimits = {
  readBytesMax: 256 * 1024,
  writeBytesMax: 4 * 1024 * 1024,
  compressBytesMin: 1024,
  timeoutMsMax: 24 * 60 * 60 * 1000,
  unaryTimeoutMsDefault: 10_000,
  unaryTimeoutMsMax: 60_000,
  unflushedBytesMax: 8 * 1024 * 1024,
};

/** Limits of connections and of what HTTP lets a client do before a call exists. */
export interface ConnectionLimits {
  /** Open connections of one port. Above: a new one is closed at once. */
  readonly connectionsMax: number;
  /** Open connections from one address (IPv6: one /64). Above: a new one is closed at once. */
  readonly connectionsPerAddressMax: number;
  /** Milliseconds until a connection must have shown which HTTP it speaks, TLS handshake apart. */
  readonly silentMsMax: number;
  /** Milliseconds that a TLS handshake may take. */
  readonly handshakeMsMax: number;
  /** Milliseconds for the headers of an HTTP/1.1 request. */
  readonly headersMsMax: number;
  /** Milliseconds for a whole HTTP/1.1 request, body included. */
  readonly requestMsMax: number;
  /** Milliseconds after which an idle HTTP/1.1 connection is closed. */
  readonly keepAliveMs: number;
  /** Bytes of all headers of one request: HTTP/1.1 answers 431, HTTP/2 resets the stream. */
  readonly headerBytesMax: number;
  /** Header fields of one request (HTTP/2: pairs of a header list). */
  readonly headerPairsMax: number;
  /** Streams that one HTTP/2 connection may have open. */
  readonly streamsPerSessionMax: number;
  /** Memory of one HTTP/2 session, in megabytes; a session over it refuses streams. */
  readonly sessionMemoryMbMax: number;
  /** Streams that a client may reset in a burst, and per second after it (CVE-2023-44487). Above: GOAWAY. */
  readonly streamResetBurst: number;
  readonly streamResetRatePerSecond: number;
  /** Milliseconds after which an HTTP/2 connection without streams is closed. */
  readonly sessionIdleMsMax: number;
}

/** Sized for some ten thousand devices on one node. */
export const connectionLimitsDefault: ConnectionLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 10_000,
  silentMsMax: 5_000,
  handshakeMsMax: 10_000,
  headersMsMax: 10_000,
  requestMsMax: 30_000,
  keepAliveMs: 60_000,
  headerBytesMax: 16 * 1024,
  headerPairsMax: 64,
  streamsPerSessionMax: 128,
  sessionMemoryMbMax: 16,
  streamResetBurst: 100,
  streamResetRatePerSecond: 20,
  sessionIdleMsMax: 5 * 60_000,
};

/** Throws an error that names the first limit which is not positive, or contradicts another one. */
export function assertLimits(calls: CallLimits, connections?: ConnectionLimits): void {
  for (const [name, value] of [...Object.entries(calls), ...Object.entries(connections ?? {})]) {
    if (!(value > 0)) throw new Error(`limit ${name} is ${value}; it must be above 0`);
  }
  if (calls.unaryTimeoutMsDefault > calls.unaryTimeoutMsMax) {
    throw new Error(
      `unaryTimeoutMsDefault ${calls.unaryTimeoutMsDefault} is above unaryTimeoutMsMax ${calls.unaryTimeoutMsMax}`,
    );
  }
  if (calls.unflushedBytesMax < calls.writeBytesMax) {
    throw new Error(
      `unflushedBytesMax ${calls.unflushedBytesMax} cannot hold one message of writeBytesMax ${calls.writeBytesMax}`,
    );
  }
  if (connections !== undefined && connections.headersMsMax > connections.requestMsMax) {
    throw new Error(
      `headersMsMax ${connections.headersMsMax} is above requestMsMax ${connections.requestMsMax}`,
    );
  }
}
