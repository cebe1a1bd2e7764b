import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type CloseReason, CloseReasonSchema } from "../../../gen/parley/error/v1/stream_closed_pb.ts";
import {
  type ClientFrame,
  ClientFrameSchema,
  type ServerFrame,
} from "../../../gen/parley/session/v1/session_pb.ts";
import {
  AttachRequestSchema,
  AttachResponseSchema,
} from "../../../gen/parley/session/v1/session_service_pb.ts";
import { waitUntil } from "../../testkit/wait-until.ts";
import { EnvelopeReader, encodeEnvelope, endOfStreamFlag } from "../harness/envelope.ts";
import { type Outcome, outcomeOfConnect } from "./outcome.ts";

/** An attached stream whose device says what it likes, well-formed or not. */
export class RawStream implements Disposable {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  /** Everything that the node has said. */
  readonly frames: ServerFrame[] = [];
  /** The status with which the node ended the stream, once it has. */
  end: Outcome | undefined;

  constructor(url: string, token: string) {
    this.#session = connect(url);
    this.#session.on("error", () => undefined);
    this.#stream = this.#session.request({
      ":method": "POST",
      ":path": "/parley.session.v1.SessionService/Attach",
      "content-type": "application/connect+proto",
      "connect-protocol-version": "1",
      authorization: `Bearer ${token}`,
    });
    const reader = new EnvelopeReader();
    this.#stream.on("data", (chunk: Buffer) => {
      for (const { flags, data } of reader.push(chunk)) this.#take(flags, data);
    });
    this.#stream.on("error", () => undefined);
  }

  /** Says a frame. */
  say(kind: ClientFrame["kind"]): void {
    this.sayFrame(create(ClientFrameSchema, { kind }));
  }

  sayFrame(frame: ClientFrame): void {
    this.sayBytes(encodeEnvelope(toBinary(AttachRequestSchema, create(AttachRequestSchema, { frame }))));
  }

  /** Writes bytes as they are, envelope included. */
  sayBytes(bytes: Uint8Array): void {
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.write(bytes);
  }

  /** Waits for something that the node says. */
  async heard<T>(what: string, find: (frame: ServerFrame) => T | undefined): Promise<T> {
    return waitUntil(
      what,
      () => {
        for (const frame of this.frames) {
          const found = find(frame);
          if (found !== undefined) return found;
        }
        if (this.end !== undefined) throw new Error(`the stream ended (${this.end.reason}) before ${what}`);
        return undefined;
      },
      { timeoutMs: 10_000 },
    );
  }

  /** Waits until the stream is open. */
  opened(): Promise<string> {
    return this.heard("opened", ({ control }) =>
      control.case === "opened" ? control.value.sessionId : undefined,
    );
  }

  /** Waits for the end and answers the name of the reason in `closed`, or of the status when there was none. */
  async closedAs(): Promise<string> {
    const end = await waitUntil("the end of the stream", () => this.end, { timeoutMs: 10_000 });
    const { control } = this.frames.at(-1) ?? {};
    if (control?.case === "closed") return closeReasonName(control.value.reason);
    return `${end.code} ${end.reason}`;
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
    this.#session.destroy();
  }

  #take(flags: number, data: Uint8Array): void {
    if ((flags & endOfStreamFlag) !== 0) {
      this.end = outcomeOfConnect(data, "stream");
      this.#stream.end();
      return;
    }
    const { frame } = fromBinary(AttachResponseSchema, data);
    if (frame !== undefined) this.frames.push(frame);
  }
}

function closeReasonName(reason: CloseReason): string {
  return CloseReasonSchema.value[reason]?.name.replace("CLOSE_REASON_", "") ?? `reason ${reason}`;
}
