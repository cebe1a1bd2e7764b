import http2 from "node:http2";
import { ackFrame, type HeldPosition, openFrame, pongFrame } from "./client-frames.ts";
import { EnvelopeReader } from "./envelopes.ts";
import { walkFields } from "./wire-fields.ts";

/** Fields of ServerFrame. */
const fields = {
  events: 1,
  firstDeliveryId: 2,
  results: 4,
  signals: 5,
  caughtUp: 7,
  ping: 8,
  closed: 12,
} as const;

/** The field of Signal. */
const typingField = 1;

/** Unacknowledged events at which a device acknowledges, an eighth of its window. */
const ackEvery = 32;

/** What a device does with what it is sent. */
export interface DeviceHandlers {
  /** Each frame with events: how many, and their bytes in all. */
  readonly onEvents?: (count: number, bytes: number) => void;
  /** Each answer to a send: a SendResult stands at these bounds. */
  readonly onResult?: (bytes: Buffer, start: number, end: number) => void;
  /** Each signal that somebody types: a Typing stands at these bounds. */
  readonly onTyping?: (bytes: Buffer, start: number, end: number) => void;
  /** The stream ended, and nobody here closed it. Without this, that ends the run. */
  readonly onLost?: (error: Error) => void;
}

/** Where a device attaches, as whom, and with what it holds already. */
export interface DevicePlace {
  readonly server: string;
  readonly accessToken: string;
  /** At most 1,000; none unless told otherwise. */
  readonly held?: readonly HeldPosition[];
}

/**
 * An attached device on a connection of its own that costs as little as can be: frames are walked over, not decoded,
 * and everything written during one chunk of input leaves in one write.
 */
export class DeviceStream {
  readonly #session: http2.ClientHttp2Session;
  readonly #stream: http2.ClientHttp2Stream;
  readonly #handlers: DeviceHandlers;
  readonly #reader = new EnvelopeReader();
  readonly #caughtUp = Promise.withResolvers<void>();
  #out: Buffer[] = [];
  #lastId = 0;
  #ackedId = 0;
  #ended = false;

  constructor({ server, accessToken, held = [] }: DevicePlace, handlers: DeviceHandlers = {}) {
    this.#handlers = handlers;
    this.#session = http2.connect(server);
    this.#session.on("error", (error) => this.#fail(error));
    this.#stream = this.#session.request({
      ":method": "POST",
      ":path": "/parley.session.v1.SessionService/Attach",
      "content-type": "application/grpc+proto",
      te: "trailers",
      authorization: `Bearer ${accessToken}`,
    });
    this.#stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined)
        this.#fail(new Error(`refused: ${String(headers["grpc-message"])}`));
    });
    this.#stream.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#stream.on("error", (error) => this.#fail(error));
    this.#stream.on("close", () => this.#fail(new Error("the stream ended")));
    this.#stream.write(openFrame(held));
  }

  /** Resolves when everything before the attach has been sent. Rejects when the node refused. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Queues a frame in its envelope. */
  queue(frame: Buffer): void {
    this.#out.push(frame);
  }

  /** Writes what is queued; nothing once the stream has ended. */
  flush(): void {
    const [only] = this.#out;
    if (only === undefined || this.#ended) return;
    this.#stream.write(this.#out.length === 1 ? only : Buffer.concat(this.#out));
    this.#out = [];
  }

  /** Acknowledges everything received. */
  acknowledge(): void {
    if (this.#lastId === this.#ackedId) return;
    this.queue(ackFrame(this.#lastId));
    this.#ackedId = this.#lastId;
    this.flush();
  }

  close(): void {
    this.#ended = true;
    this.#session.destroy();
  }

  #take(chunk: Buffer): void {
    this.#reader.read(chunk, (bytes, start, end) =>
      // AttachResponse has one field, the frame.
      walkFields(bytes, { start, end }, (_, from, to) => this.#takeFrame(bytes, from, to)),
    );
    if (this.#lastId - this.#ackedId >= ackEvery) {
      this.queue(ackFrame(this.#lastId));
      this.#ackedId = this.#lastId;
    }
    this.flush();
  }

  #takeFrame(bytes: Buffer, start: number, end: number): void {
    let events = 0;
    let firstId = 0;
    walkFields(bytes, { start, end }, (field, from, to) => {
      if (field === fields.events) events += 1;
      else if (field === fields.firstDeliveryId) firstId = from;
      else if (field === fields.results) this.#handlers.onResult?.(bytes, from, to);
      else if (field === fields.signals) this.#takeSignal(bytes, from, to);
      else if (field === fields.caughtUp) this.#caughtUp.resolve();
      else if (field === fields.ping) this.queue(pongFrame(from));
      else if (field === fields.closed)
        this.#fail(new Error(`closed: ${bytes.toString("latin1", from, to)}`));
    });
    if (events === 0) return;
    this.#lastId = firstId + events - 1;
    this.#handlers.onEvents?.(events, end - start);
  }

  #takeSignal(bytes: Buffer, start: number, end: number): void {
    const { onTyping } = this.#handlers;
    if (onTyping === undefined) return;
    walkFields(bytes, { start, end }, (field, from, to) => {
      if (field === typingField) onTyping(bytes, from, to);
    });
  }

  /** A device that is lost spoils the measurement, unless that is what is measured: better no figure than a wrong one. */
  #fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#caughtUp.reject(error);
    this.#caughtUp.promise.catch(() => undefined);
    const { onLost } = this.#handlers;
    if (onLost !== undefined) {
      this.#session.destroy();
      onLost(error);
      return;
    }
    process.stderr.write(`a device lost its stream: ${error.message}\n`);
    process.exitCode = 1;
    setImmediate(() => process.exit());
  }
}
