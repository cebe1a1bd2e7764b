import type {
  LinkHello,
  LinkRefusal,
  LinkWelcome,
  NodeCallResult,
} from "../../gen/parley/mesh/v1/link_pb.ts";
import type { Clock, Timer } from "../kernel/clock.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { decodeResponse, encodeRequest, type RequestFrame } from "./link-frames.ts";
import type { LinkLimits } from "./link-limits.ts";
import type { OwnLag } from "./own-lag.ts";
import { Suspicion } from "./suspicion.ts";
import type { FrameStream } from "./transport.ts";

/** Whose stream it is. Called from callbacks of the transport and the clock only; what throws ends the stream. */
export interface OutgoingStreamOwner {
  /** The stream is open. */
  onWelcome(welcome: LinkWelcome): void;
  /** Everything up to this item was processed. */
  onAck(seq: number): void;
  onResults(results: readonly NodeCallResult[]): void;
  /** A pong came in, or is late. */
  onVerdict(): void;
  /** The last word, unless the owner closes the stream itself. */
  onEnded(reason: string, refusal?: LinkRefusal): void;
  /** Takes what is to be sent next; undefined when there is nothing. */
  takeFrame(): Partial<RequestFrame> | undefined;
}

/** What a stream is made from. */
export interface OutgoingStreamOptions {
  /** Just dialled. */
  readonly stream: FrameStream;
  readonly hello: LinkHello;
  readonly owner: OutgoingStreamOwner;
  readonly clock: Clock;
  readonly limits: LinkLimits;
  readonly ownLag: Pick<OwnLag, "lagMs">;
}

/** One stream to another node, from its hello to its end: asks for a welcome, pings, and sends while there is room. */
export class OutgoingStream {
  readonly #options: OutgoingStreamOptions;
  readonly #suspicion: Suspicion;
  #state: "greeting" | "open" | "ended" = "greeting";
  /** For the welcome, then for the next ping. */
  #timer: Timer;
  #turn: Timer | undefined;
  #isFull = false;
  /** To be sent; 0: none. */
  #ping = 0;

  constructor(options: OutgoingStreamOptions) {
    this.#options = options;
    const { stream, hello, clock, limits } = options;
    this.#suspicion = new Suspicion(limits);
    this.#timer = clock.after(limits.welcomeMsMax, () => this.#end("no welcome came in time"));
    stream.listen({
      onFrame: (bytes) => this.#guard(() => this.#onFrame(bytes)),
      onDrain: () => this.#guard(() => this.#onDrain()),
      onClosed: (reason) => this.#end(reason),
    });
    stream.write(encodeRequest({ hello }));
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** It is open, and its pongs come in time. */
  get isUp(): boolean {
    return this.isOpen && this.#suspicion.verdict === "trusted";
  }

  /** Of the last pong; undefined before the first one. */
  get roundTripMs(): number | undefined {
    return this.#suspicion.roundTripMs;
  }

  /** There is something to send: it goes in the next turn, so that everything of one turn travels together. */
  wake(): void {
    if (this.#state !== "open" || this.#isFull) return;
    this.#turn ??= this.#options.clock.nextTurn(() => this.#guard(() => this.#flush()));
  }

  /** Ends the stream without a word to its owner. Idempotent. */
  close(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#timer.cancel();
    this.#turn?.cancel();
    this.#options.stream.close();
  }

  #end(reason: string, refusal?: LinkRefusal): void {
    if (this.#state === "ended") return;
    this.close();
    this.#options.owner.onEnded(reason, refusal);
  }

  #guard(work: () => void): void {
    if (this.#state === "ended") return;
    try {
      work();
    } catch (thrown) {
      this.#end(`what the other node says is wrong: ${thrownError(thrown).message}`);
    }
  }

  #onFrame(bytes: Uint8Array): void {
    const frame = decodeResponse(bytes);
    if (frame.refusal !== undefined) {
      this.#end(frame.refusal.message, frame.refusal);
      return;
    }
    if (frame.welcome !== undefined) this.#onWelcome(frame.welcome);
    // The owner may have closed the stream.
    if (this.#state === "ended") return;
    if (this.#state !== "open") throw new Error("the first frame is no welcome");
    const { owner, clock } = this.#options;
    if (frame.ack > 0) owner.onAck(frame.ack);
    if (frame.results.length > 0) owner.onResults(frame.results);
    if (frame.pong === 0) return;
    this.#suspicion.heard(frame.pong, clock.monotonicMs());
    owner.onVerdict();
  }

  #onWelcome(welcome: LinkWelcome): void {
    if (this.#state !== "greeting") throw new Error("a second welcome came");
    const { hello, owner, clock } = this.#options;
    const { protocol } = welcome;
    if (protocol < hello.protocolMin || protocol > hello.protocolMax)
      throw new Error(`it welcomes with protocol ${protocol}, which this node does not speak`);
    this.#timer.cancel();
    this.#state = "open";
    this.#timer = clock.after(0, () => this.#guard(() => this.#beat()));
    owner.onWelcome(welcome);
    this.wake();
  }

  #onDrain(): void {
    this.#isFull = false;
    this.wake();
  }

  #beat(): void {
    const { clock, limits, ownLag, owner } = this.#options;
    const nowMs = clock.monotonicMs();
    const before = this.#suspicion.verdict;
    const verdict = this.#suspicion.look(nowMs, ownLag.lagMs());
    if (verdict === "dead") {
      this.#end(`no pong came for ${limits.pongMsMax} ms`);
      return;
    }
    this.#timer = clock.after(limits.pingIntervalMs, () => this.#guard(() => this.#beat()));
    this.#ping = this.#suspicion.nextPing(nowMs) ?? this.#ping;
    this.wake();
    if (verdict !== before) owner.onVerdict();
  }

  #flush(): void {
    this.#turn = undefined;
    while (this.#state === "open" && !this.#isFull) {
      const frame = this.#options.owner.takeFrame();
      if (frame === undefined && this.#ping === 0) return;
      const bytes = encodeRequest({ ...frame, ping: this.#ping });
      this.#ping = 0;
      this.#isFull = !this.#options.stream.write(bytes);
    }
  }
}
