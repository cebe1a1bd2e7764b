import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import type { FrameStream, FrameStreamListener } from "./transport.ts";

/** How a stream differs by the side that it is on. */
export interface GrpcStreamOptions {
  readonly call: ClientDuplexStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;
  readonly provenNodeId?: string | undefined;
  /** Ends the call on this side, so that the other side hears of it. */
  readonly end: () => void;
  /** Called once, when nothing is heard of the stream any more. */
  readonly onEnd: (stream: GrpcStream) => void;
}

/** One gRPC call as a stream of frames. Events of grpc-js come in turns of their own, never from inside a call. */
export class GrpcStream implements FrameStream {
  readonly #options: GrpcStreamOptions;
  #listener: FrameStreamListener | undefined;
  #closed = false;

  constructor(options: GrpcStreamOptions) {
    this.#options = options;
    const { call } = options;
    call.on("data", (frame: Buffer) => this.#listener?.onFrame(plainBytes(frame)));
    call.on("drain", () => this.#listener?.onDrain());
    // Whatever happens first tells how the stream ended. An error has to be heard to the last, or it ends the process.
    call.on("error", (error: Error) => this.#ended(error.message));
    call.on("cancelled", () => this.#ended("the other side is gone"));
    call.on("end", () => this.#ended("the other side has ended it"));
    call.on("close", () => this.#ended("the connection was closed"));
  }

  get provenNodeId(): string | undefined {
    return this.#options.provenNodeId;
  }

  listen(listener: FrameStreamListener): void {
    this.#listener = listener;
  }

  write(frame: Uint8Array): boolean {
    if (this.#closed) return true;
    return this.#options.call.write(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener = undefined;
    this.#options.end();
    this.#options.onEnd(this);
  }

  #ended(reason: string): void {
    const listener = this.#listener;
    this.close();
    listener?.onClosed(reason);
  }
}

/** Nobody is to rely on frames being Buffers, whose slices behave otherwise. */
function plainBytes({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
