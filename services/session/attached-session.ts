import { CloseReason } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import type { Position } from "../../gen/parley/message/v1/entry_pb.ts";
import {
  type ClientFrame,
  ClientFrameSchema,
  type Moving,
  type Positions,
  type SendResult,
} from "../../gen/parley/session/v1/session_pb.ts";
import type { Timer } from "../kernel/clock.ts";
import { Fault } from "../kernel/fault.ts";
import { type CloseDetails, type ClosedBecause, closedFrame, closeReasonName } from "./close-reasons.ts";
import { DeliveryWindow } from "./delivery-window.ts";
import { EventPump } from "./event-pump.ts";
import type { DeviceFeed } from "./feed.ts";
import type { EncodedFrame } from "./frame-writer.ts";
import { Liveness } from "./liveness.ts";
import { openedFrame, type SessionTerms, termsFor } from "./opened-frame.ts";
import { Outbox } from "./outbox.ts";
import type { Outlet } from "./outlet.ts";
import { ReadGate } from "./read-gate.ts";
import { RetransmissionTimer } from "./retransmission-timer.ts";
import { type ResultSink, SendDesk } from "./send-desk.ts";
import {
  followsPendingMax,
  owedMax,
  positionsMax,
  unflushedBytesMax,
  windowBytesMax,
} from "./session-limits.ts";
import type { SessionDevice, SessionOptions, SessionParts } from "./session-parts.ts";
import type { SessionState } from "./session-state.ts";
import { TokenKeeper } from "./token-keeper.ts";
import { VersionHerald } from "./version-herald.ts";
import { timestampOf } from "./wire-time.ts";

/**
 * The state machine of one attached device. It does not know whether a stream or a poll carries it. All its
 * work happens in turns: whatever changes asks for the next one, which writes what there is and flushes once.
 */
export class AttachedSession {
  readonly device: SessionDevice;
  readonly outlet: Outlet;
  /** Resolves when the session takes no more frames. Never rejects. */
  readonly closing: Promise<void>;
  /** Resolves when its last frame was handed over, too. Never rejects. */
  readonly ended: Promise<void>;
  readonly #parts: SessionParts;
  readonly #options: SessionOptions;
  readonly #outbox = new Outbox();
  readonly #gate = new ReadGate(() => this.#readable);
  readonly #desk: SendDesk;
  readonly #window: DeliveryWindow;
  readonly #feed: DeviceFeed;
  readonly #pump: EventPump;
  readonly #retransmission: RetransmissionTimer;
  readonly #liveness: Liveness;
  readonly #token: TokenKeeper;
  readonly #versions: VersionHerald;
  readonly #terms: SessionTerms;
  #state: SessionState = { kind: "positions" };
  #positions: Position[] = [];
  #follows: Position[] = [];
  #turn: Timer | undefined;
  #resolveClosing = (): void => undefined;
  #resolveEnded = (): void => undefined;

  /** Creates the session, which begins to beat; `start` must follow in the same turn. */
  constructor(parts: SessionParts, options: SessionOptions) {
    this.#parts = parts;
    this.#options = options;
    this.device = options.device;
    this.outlet = options.outlet;
    this.closing = new Promise((resolve) => (this.#resolveClosing = resolve));
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.#terms = termsFor(options.open);
    this.#window = new DeliveryWindow({ eventsMax: this.#terms.windowEvents, bytesMax: windowBytesMax });
    this.#desk = new SendDesk(parts, options.device);
    this.#feed = parts.feeds(options.device, {
      onReady: () => this.#wake(),
      onSignal: (signal, key) => this.#signal(signal, key),
    });
    this.#pump = new EventPump({ ...parts, ...options, feed: this.#feed, window: this.#window });
    this.#versions = new VersionHerald(parts.versions, options.device.accountId, options.conversations);
    this.#retransmission = new RetransmissionTimer({
      clock: parts.clock,
      window: this.#window,
      outlet: this.outlet,
      onRound: () => this.#resend(),
      onExhausted: () => this.close(CloseReason.ACK_TIMEOUT),
    });
    this.#liveness = new Liveness({
      clock: parts.clock,
      intervalMs: this.#terms.heartbeatMs,
      excused: () => !this.#readable && this.outlet.ready,
      onBeat: (ping) => this.#beat(ping),
      onSilent: () => this.close(CloseReason.PONG_TIMEOUT),
    });
    this.#token = new TokenKeeper({
      clock: parts.clock,
      tokens: parts.tokens,
      device: options.device,
      expireMs: options.tokenExpireMs,
      onEnded: (reason) => this.close(reason),
      onRenewed: (expireMs) => this.#renewed(expireMs),
      onBug: (error) => this.#fail(error, "renewal of a token"),
    });
    this.outlet.onReady(() => this.#outletReady());
  }

  /** Events that were sent and not acknowledged. */
  get unacknowledged(): number {
    return this.#window.unsettled;
  }

  /** The session takes frames. */
  get active(): boolean {
    return this.#state.kind !== "closing" && this.#state.kind !== "closed";
  }

  /** Says `opened`, then goes on with the positions of `open`. */
  start(): void {
    const { open } = this.#options;
    this.#write(openedFrame(this.#terms, { ...this.#options, serverMs: this.#parts.clock.wallMs() }));
    this.outlet.flush();
    if (open.positions === undefined) void this.#openFeed();
    else this.#addPositions(open.positions);
  }

  /**
   * Takes one frame; ignored once the session is closing. The result of a `send` goes to `sink`, or onto the
   * stream. Never throws: what is wrong with a frame closes the session.
   */
  take(frame: ClientFrame, sink: ResultSink = (result) => this.#outbox.result(result)): void {
    if (!this.active) return;
    this.#liveness.heard();
    try {
      this.#parts.validateMessage(ClientFrameSchema, frame);
      this.#handle(frame, sink);
    } catch (error) {
      if (error instanceof Fault) this.violated(error.message);
      else this.#fail(error, "frame of a device");
    }
  }

  /** Resolves when the session reads frames again: fewer than 64 answers are owed, or it is closing. */
  whenReadable(): Promise<void> {
    return this.#gate.whenOpen();
  }

  /** A call of the device other than a frame: a sign of life, and a token that may be newer. */
  touch(tokenExpireMs: number): void {
    if (!this.active) return;
    this.#liveness.heard();
    if (this.#token.extend(tokenExpireMs)) this.#renewed(tokenExpireMs);
  }

  /** A Poll's acknowledgement. What was returned above it is handed out again, under new ids. */
  acknowledgePoll(ack: bigint): void {
    if (!this.active) return;
    this.#acknowledge(ack);
    if (!this.active || this.#window.unsettled === 0) return;
    // The answer that was lost may have held the one `caught_up`.
    if (this.#state.kind === "open") this.#state.caughtUp = false;
    this.#pump.takeBack();
    this.#wake();
  }

  /** The device broke a rule of the stream. */
  violated(message: string): void {
    this.close(CloseReason.PROTOCOL_VIOLATION, { message });
  }

  /** Tells the device to go elsewhere; until then it is served as before. */
  move(value: Moving): void {
    if (!this.active) return;
    this.#outbox.control({ case: "moving", value });
    this.#wake();
  }

  /** Says why and what to do, as the last frame. Does nothing when the session is closing already. */
  close(reason: ClosedBecause, details: CloseDetails = {}): void {
    if (!this.active) return;
    this.#leave(closeReasonName(reason));
    this.#writeLast(closedFrame(reason, details));
    if (this.outlet.lingerMs === 0 || this.outlet.empty) return this.#end();
    const linger = this.#parts.clock.after(this.outlet.lingerMs, () => this.#end());
    this.#state = { kind: "closing", linger };
  }

  /** Resolves when the session has ended; the call that carries it is lost when `signal` aborts first. */
  async endedWith(signal: AbortSignal): Promise<void> {
    const lose = (): void => this.lose();
    if (signal.aborted) lose();
    signal.addEventListener("abort", lose, { once: true });
    await this.ended;
    signal.removeEventListener("abort", lose);
  }

  /** The connection is gone: there is nobody to tell. */
  lose(): void {
    if (this.active) this.#leave("lost");
    this.#end();
  }

  #handle(frame: ClientFrame, sink: ResultSink): void {
    const { kind } = frame;
    switch (kind.case) {
      case "open":
        return this.violated("A stream is opened only once.");
      case "positions":
        if (this.#state.kind === "positions") return this.#addPositions(kind.value);
        return this.violated("The positions are complete; name more of them in a new stream.");
      case "ack":
        return this.#acknowledge(kind.value);
      case "send":
        if (this.#desk.take(kind.value, (result) => this.#answered(sink, result))) return undefined;
        return this.close(CloseReason.OVERLOADED, {
          message: "Sends to too many conversations are not settled; open the stream again.",
        });
      case "typing":
        return this.#type(kind.value.conversationId, kind.value.active);
      case "renew":
        return void this.#token.renew(kind.value).finally(() => this.#wake());
      case "ping":
        this.#outbox.control({ case: "pong", value: kind.value });
        return this.#wake();
      case "follow":
        return this.#follow(kind.value);
      case "pong":
      case undefined:
        // A frame of a newer kind counts as a sign of life and nothing else.
        return undefined;
    }
  }

  #addPositions({ positions, last }: Positions): void {
    if (this.#positions.length + positions.length > positionsMax) {
      this.violated(`A stream may name ${positionsMax} positions.`);
      return;
    }
    this.#positions.push(...positions);
    if (last) void this.#openFeed();
  }

  async #openFeed(): Promise<void> {
    this.#state = { kind: "opening" };
    const positions = this.#positions;
    this.#positions = [];
    try {
      await this.#feed.open(positions);
      this.#feedOpened();
    } catch (error) {
      if (!(error instanceof Fault)) return this.#fail(error, "opening of a feed");
      const delay = error.retryDelayMs === undefined ? {} : { retryDelayMs: error.retryDelayMs };
      this.close(CloseReason.OVERLOADED, { message: error.message, ...delay });
    }
    return undefined;
  }

  #feedOpened(): void {
    if (this.#state.kind !== "opening") return;
    this.#state = { kind: "open", caughtUp: false };
    for (const position of this.#follows) this.#feed.follow(position);
    this.#follows = [];
    this.#wake();
  }

  #follow(position: Position): void {
    if (this.#state.kind === "open") this.#feed.follow(position);
    else if (this.#follows.length < followsPendingMax) this.#follows.push(position);
    else this.violated(`At most ${followsPendingMax} conversations are followed before the stream is open.`);
  }

  #acknowledge(id: bigint): void {
    const outcome = this.#pump.acknowledge(id);
    if (outcome === "neverSent") this.violated(`Delivery id ${id} was never sent.`);
    else if (outcome === "progress") this.#wake();
  }

  #type(conversationId: string, active: boolean): void {
    if (this.#state.kind !== "open" || !this.#feed.isMember(conversationId)) return;
    this.#parts.relayTyping({ accountId: this.device.accountId, conversationId, active });
  }

  #answered(sink: ResultSink, result: SendResult): void {
    sink(result);
    // Also when the result goes elsewhere: who waits to be read may now be.
    this.#wake();
  }

  #signal(signal: Uint8Array, key: string): void {
    if (!this.active) return;
    this.#versions.observe(signal);
    this.#outbox.signal(signal, key);
    this.#wake();
  }

  #renewed(expireMs: number): void {
    this.#outbox.control({ case: "renewed", value: timestampOf(expireMs) });
    this.#wake();
  }

  #beat(ping: bigint): void {
    this.#options.onBeat();
    this.#outbox.ping(ping);
    void this.#versions.refresh().then((signal) => this.#signal(signal, "versions"));
    this.#wake();
  }

  get #readable(): boolean {
    const owed = this.#outbox.owed + this.#desk.unanswered + this.#token.renewing;
    return !this.active || owed < owedMax;
  }

  #outletReady(): void {
    if (this.#state.kind === "closing" && this.outlet.empty) this.#end();
    // Until now the connection was full, so the device could not have answered.
    if (this.outlet.lingerMs === 0) this.#window.postpone(this.#parts.clock.monotonicMs());
    this.#wake();
  }

  #wake(): void {
    if (!this.active) return;
    this.#turn ??= this.#parts.clock.nextTurn(() => {
      this.#turn = undefined;
      try {
        this.#runTurn();
      } catch (error) {
        this.#fail(error, "turn of a session");
      }
    });
  }

  #runTurn(): void {
    if (this.outlet.ready && this.#state.kind === "open") {
      const outcome = this.#pump.run();
      if (!this.#state.caughtUp && this.#pump.caughtUp) {
        this.#state.caughtUp = true;
        this.#outbox.control({ case: "caughtUp", value: true });
      }
      if (outcome === "slice") this.#wake();
    }
    if (this.outlet.ready) for (const frame of this.#outbox.take()) this.#write(frame);
    this.outlet.flush();
    if (this.outlet.unflushedBytes > unflushedBytesMax) this.close(CloseReason.TOO_SLOW);
    this.#retransmission.watch();
    this.#gate.look();
  }

  #write(frame: EncodedFrame): void {
    this.#parts.metrics.frames.add();
    this.#parts.metrics.bytes.add(frame.bytes);
    this.outlet.write(frame);
  }

  #resend(): void {
    this.#pump.rewind();
    this.#wake();
  }

  /** Never throws: whoever closes several sessions has to come to the next one. */
  #writeLast(closed: EncodedFrame): void {
    try {
      for (const frame of [...this.#outbox.take(), closed]) this.#write(frame);
      this.outlet.flush();
    } catch (error) {
      this.#parts.failureOf(error, "last frame");
    }
  }

  /** Reports a bug of the node and ends this one stream for it. */
  #fail(error: unknown, where: string): void {
    this.close(CloseReason.INTERNAL, { message: this.#parts.failureOf(error, where).message });
  }

  #leave(reason: string): void {
    this.#parts.metrics.closes.add(1, { reason });
    this.#state = { kind: "closing", linger: undefined };
    this.#turn?.cancel();
    this.#retransmission.close();
    this.#liveness.close();
    this.#token.close();
    this.#desk.close();
    this.#feed.close();
    this.#gate.look();
    this.#options.onClosing();
    this.#resolveClosing();
  }

  #end(): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "closing") this.#state.linger?.cancel();
    this.#state = { kind: "closed" };
    this.#options.onEnded();
    this.#resolveEnded();
  }
}
