import { type DescMessage, fromBinary, toJsonString } from "@bufbuild/protobuf";
import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { NodeServerResponse } from "./node-exchange.ts";

/**
 * The response side of one hot server stream: messages that are encoded already go straight to the socket.
 * The handler, a generator that usually yields nothing, keeps running while it pushes; when it returns or
 * throws, the adapter writes what ends the stream in the protocol spoken.
 */
export interface PushStream {
  /**
   * Sends the response headers now, before any message; otherwise the first flush does. After that an error
   * of the handler can only end the stream, it no longer answers instead of one.
   */
  open(): void;
  /**
   * Queues one encoded response message, without envelope; given as parts, they are concatenated. The bytes
   * are copied at flush and must not change until then. Several messages per flush become one socket write.
   * Throws a plain error when the message, or all that waits, is over its limit. Dropped after the end.
   */
  write(message: Uint8Array | readonly Uint8Array[]): void;
  /** Hands everything queued to the socket. False: it is over its high-water mark, wait for `onDrain`. */
  flush(): boolean;
  /** Bytes queued or handed over that the socket has not taken yet, envelopes included. */
  readonly unflushedBytes: number;
  /** Adds a callback that runs each time the connection takes bytes again after flush() returned false. */
  onDrain(callback: () => void): void;
  /** Aborts when the connection or the call has ended. */
  readonly signal: AbortSignal;
}

/** Where the push stream of a hot method stands among its context values; undefined on other methods. */
export const pushStreamKey: ContextKey<PushStream | undefined> = createContextKey<PushStream | undefined>(
  undefined,
  { description: "push stream" },
);

/** The push stream of a call. Throws a plain error on a method that was not given to the handler as hot. */
export function pushStreamOf(context: Pick<HandlerContext, "values">): PushStream {
  const stream = context.values.get(pushStreamKey);
  if (stream === undefined) throw new Error("the method was not declared a push method");
  return stream;
}

/**
 * The response of a method that only pushes: runs `push` with the call's push stream and yields nothing. The
 * stream ends with OK when it resolves, and with what it throws otherwise.
 */
export function pushResponse(
  context: Pick<HandlerContext, "values">,
  push: (stream: PushStream) => Promise<void>,
): AsyncIterable<never> {
  const next = async (): Promise<IteratorReturnResult<undefined>> => {
    await push(pushStreamOf(context));
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

/** Limits of one push stream, in bytes. */
export interface PushStreamLimits {
  readonly writeBytesMax: number;
  readonly unflushedBytesMax: number;
}

const envelopeBytes = 5;

/**
 * The push stream of one call over an HTTP/1.1 or HTTP/2 response. gRPC, gRPC-Web and Connect streams share
 * the envelope: a byte of flags (0, not compressed) and four of length, big-endian.
 */
export class ResponsePushStream implements PushStream {
  readonly #response: NodeServerResponse;
  readonly #output: DescMessage;
  readonly #limits: PushStreamLimits;
  readonly #drainCallbacks: (() => void)[] = [];
  #context: HandlerContext | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #json = false;
  #opened = false;
  #waiting = false;
  #closed = false;

  constructor(response: NodeServerResponse, output: DescMessage, limits: PushStreamLimits) {
    this.#response = response;
    this.#output = output;
    this.#limits = limits;
    response.once("close", () => this.close());
  }

  /** Drops what is queued and everything that is written later; the adapter calls it before the end is sent. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  /** Takes over headers and signal of the call; the adapter calls it before the handler runs. */
  bind(context: HandlerContext): void {
    this.#context = context;
    this.#json = context.responseHeader.get("content-type")?.endsWith("json") === true;
  }

  /** Whether the headers are out, so that the adapter must not send them again. */
  get opened(): boolean {
    return this.#opened;
  }

  get signal(): AbortSignal {
    return this.#bound().signal;
  }

  get unflushedBytes(): number {
    return this.#closed ? 0 : this.#queuedBytes + this.#response.writableLength;
  }

  open(): void {
    if (this.#opened || this.#closed) return;
    this.#opened = true;
    this.#response.on("drain", () => {
      if (!this.#waiting) return;
      this.#waiting = false;
      for (const callback of this.#drainCallbacks) callback();
    });
    this.#response.writeHead(200, Object.fromEntries(this.#bound().responseHeader));
    if ("flushHeaders" in this.#response) this.#response.flushHeaders();
  }

  write(message: Uint8Array | readonly Uint8Array[]): void {
    if (this.#closed) return;
    const parts = this.#json ? [this.#transcode(message)] : message;
    const bytes = parts instanceof Uint8Array ? parts.byteLength : byteLengthOf(parts);
    this.#assertRoom(bytes);
    this.#queue.push(envelopeHeader(bytes));
    if (parts instanceof Uint8Array) this.#queue.push(parts);
    else this.#queue.push(...parts);
    this.#queuedBytes += envelopeBytes + bytes;
  }

  flush(): boolean {
    if (this.#queue.length === 0) return !this.#waiting;
    this.open();
    // One copy into one chunk is cheaper than a vectored write of many small parts.
    const chunk = Buffer.concat(this.#queue, this.#queuedBytes);
    this.#queue = [];
    this.#queuedBytes = 0;
    const taken = this.#response.write(chunk);
    if (!taken) this.#waiting = true;
    return taken;
  }

  onDrain(callback: () => void): void {
    this.#drainCallbacks.push(callback);
  }

  #bound(): HandlerContext {
    if (this.#context === undefined) throw new Error("the push stream was used before its call began");
    return this.#context;
  }

  #assertRoom(bytes: number): void {
    const { writeBytesMax, unflushedBytesMax } = this.#limits;
    if (bytes > writeBytesMax)
      throw new Error(`a pushed message has ${bytes} bytes; at most ${writeBytesMax}`);
    const waiting = this.unflushedBytes + bytes + envelopeBytes;
    if (waiting > unflushedBytesMax) {
      throw new Error(`${waiting} bytes would wait in a push stream; at most ${unflushedBytesMax}`);
    }
  }

  #transcode(message: Uint8Array | readonly Uint8Array[]): Uint8Array {
    const binary = message instanceof Uint8Array ? message : Buffer.concat(message);
    return Buffer.from(toJsonString(this.#output, fromBinary(this.#output, binary)));
  }
}

function envelopeHeader(bytes: number): Uint8Array {
  const header = new Uint8Array(envelopeBytes);
  header[1] = bytes >>> 24;
  header[2] = bytes >>> 16;
  header[3] = bytes >>> 8;
  header[4] = bytes;
  return header;
}

function byteLengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}
