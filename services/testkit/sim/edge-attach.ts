import { fromBinary } from "@bufbuild/protobuf";
import type { Failure } from "../../../gen/parley/error/v1/failure_pb.ts";
import type { Open } from "../../../gen/parley/session/v1/session_pb.ts";
import { AttachRequestSchema } from "../../../gen/parley/session/v1/session_service_pb.ts";
import type { Caller } from "../../rpc/caller.ts";
import type { AttachedSession } from "../../session/attached-session.ts";
import type { Outlet } from "../../session/outlet.ts";
import type { SessionRegistry } from "../../session/session-registry.ts";
import { encodeFailure, encodeMessage } from "./edge-wire.ts";
import type { SimStreamEnd } from "./sim-stream.ts";

/** What an attached stream is served with. */
export interface AttachDeps {
  readonly registry: SessionRegistry;
  readonly failureOf: (error: unknown, where?: string) => Failure;
}

/** One call of Attach, after its first frame. */
export interface AttachCall {
  readonly stream: SimStreamEnd;
  readonly caller: Caller;
  readonly open: Open;
}

/** Serves an attached stream to its end, as attach.rpc.ts does over HTTP. */
export function serveAttach(deps: AttachDeps, call: AttachCall): void {
  const attached = new EdgeAttachment(deps, call);
  void attached.run();
}

class EdgeAttachment {
  readonly #deps: AttachDeps;
  readonly #call: AttachCall;
  readonly #outlet: StreamOutlet;
  readonly #connection = new AbortController();
  /** Arrived and not yet read by the session. */
  readonly #frames: Uint8Array[] = [];
  #session: AttachedSession | undefined;
  #isReading = false;

  constructor(deps: AttachDeps, call: AttachCall) {
    this.#deps = deps;
    this.#call = call;
    this.#outlet = new StreamOutlet(call.stream);
    call.stream.listen({
      onFrame: (frame) => {
        this.#frames.push(frame);
        void this.#read();
      },
      onDrain: () => this.#outlet.drained(),
      onClosed: () => this.#connection.abort(),
    });
  }

  async run(): Promise<void> {
    const { stream, caller, open } = this.#call;
    try {
      const arrival = this.#deps.registry.arrive(caller, this.#connection.signal);
      try {
        this.#session = await arrival.open(open, this.#outlet);
        void this.#read();
        await this.#session.endedWith(this.#connection.signal);
      } finally {
        arrival.leave();
      }
    } catch (error) {
      stream.write(encodeFailure(this.#deps.failureOf(error, "attach")));
    }
    stream.finish();
  }

  /** Hands frames to the session while that reads. */
  async #read(): Promise<void> {
    const session = this.#session;
    if (session === undefined || this.#isReading) return;
    this.#isReading = true;
    while (this.#frames.length > 0 && session.active) {
      await session.whenReadable();
      const frame = this.#frames.shift();
      const { frame: taken } = fromBinary(AttachRequestSchema, frame ?? new Uint8Array());
      if (taken !== undefined) session.take(taken);
    }
    this.#isReading = false;
  }
}

/** The outlet of a session onto a simulated stream, as push-outlet.ts is for a real one. */
class StreamOutlet implements Outlet {
  readonly lingerMs = 0;
  readonly #stream: SimStreamEnd;
  #isReady = true;
  #notify = (): void => undefined;

  constructor(stream: SimStreamEnd) {
    this.#stream = stream;
  }

  get ready(): boolean {
    return this.#isReady;
  }

  get unflushedBytes(): number {
    return this.#isReady ? 0 : this.#stream.bytesUnderWay;
  }

  get empty(): boolean {
    return this.unflushedBytes === 0;
  }

  onReady(callback: () => void): void {
    this.#notify = callback;
  }

  write({ parts }: Parameters<Outlet["write"]>[0]): void {
    if (!this.#stream.write(encodeMessage(parts))) this.#isReady = false;
  }

  flush(): void {
    // Frames were handed over when they were written: the simulated network has no packets to fill.
  }

  drained(): void {
    this.#isReady = true;
    this.#notify();
  }
}
