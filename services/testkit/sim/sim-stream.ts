import type { Timer } from "../../kernel/clock.ts";
import type { FrameStream, FrameStreamListener } from "../../mesh/transport.ts";
import type { SimChannel } from "./sim-link.ts";
import type { SimProcess } from "./sim-process.ts";

/** What an end of a stream is made from. */
export interface SimStreamOptions {
  readonly process: SimProcess;
  /** To the other end. */
  readonly channel: SimChannel;
  /** Bytes that may be under way, until `write` answers false. */
  readonly bytesMax: number;
  /** Asked for each frame: the stream breaks instead of carrying it. */
  readonly breaksNow: () => boolean;
  readonly onBreak: (end: SimStreamEnd) => void;
  /** Asked when an end is closed: what is under way is lost with it. */
  readonly losesRest: () => boolean;
  readonly onEnd: (end: SimStreamEnd) => void;
}

/** One end of a stream. */
export class SimStreamEnd implements FrameStream {
  readonly process: SimProcess;
  readonly #options: SimStreamOptions;
  #peer: SimStreamEnd | undefined;
  #waiting: Timer | undefined;
  #listener: FrameStreamListener | undefined;
  /** Written and not yet taken by the other process. */
  #bytesUnderWay = 0;
  #isFull = false;
  #isOver = false;
  #isPaused = false;
  /** Arrived while this end was paused. */
  #unread: Uint8Array[] = [];

  constructor(options: SimStreamOptions) {
    this.#options = options;
    this.process = options.process;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The other side has accepted. */
  get isJoined(): boolean {
    return this.#peer !== undefined;
  }

  get peer(): SimStreamEnd | undefined {
    return this.#peer;
  }

  /** Says which end is the other one. */
  join(peer: SimStreamEnd): void {
    this.#peer = peer;
    this.#waiting?.cancel();
  }

  /** Cancels a timer when the other side has accepted, or this end is over. */
  untilJoined(timer: Timer): void {
    this.#waiting = timer;
  }

  listen(listener: FrameStreamListener): void {
    this.#listener = listener;
  }

  write(frame: Uint8Array): boolean {
    if (this.#isOver) return true;
    const { channel, bytesMax, breaksNow } = this.#options;
    if (breaksNow()) channel.send(() => this.#options.onBreak(this));
    // The receiver may keep the bytes, and the sender may write into its own again.
    const copy = new Uint8Array(frame);
    this.#bytesUnderWay += copy.length;
    channel.send(() => this.#arrived(copy));
    this.#isFull ||= this.#bytesUnderWay > bytesMax;
    return !this.#isFull;
  }

  /** Bytes that were written and that the other process has not taken. */
  get bytesUnderWay(): number {
    return this.#bytesUnderWay;
  }

  /** Takes no frames from now on: the other side soon finds the path full. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Takes frames again, those that waited in later turns. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.process.nextTurn(() => this.#readOn());
  }

  /** As `close`, but what was written before arrives. */
  finish(): void {
    if (this.#isOver) return;
    this.#listener = undefined;
    this.#end("the other side has ended it");
  }

  /** Its machine is gone: nothing is said to the other end. */
  vanish(): void {
    this.#isOver = true;
    this.#waiting?.cancel();
    this.#options.channel.drop();
    this.#options.channel.end();
    this.#options.onEnd(this);
  }

  /** By its own process: the other one hears of it by and by, after what was written before or instead of it. */
  close(): void {
    if (this.#isOver) return;
    if (this.#options.losesRest()) this.#options.channel.drop();
    this.finish();
  }

  /** From outside: this end is over, with what is under way from it. The other end hears of it if it can. */
  lose(reason: string): void {
    if (this.#isOver) return;
    this.#options.channel.drop();
    this.#end(reason);
    const listener = this.#listener;
    this.process.run(`${this.process.name} closed`, () => listener?.onClosed(reason));
  }

  /** Both ends are over, each hears of it at once. */
  break(reason: string): void {
    this.lose(reason);
    this.#peer?.lose(reason);
  }

  #end(reason: string): void {
    this.#isOver = true;
    this.#waiting?.cancel();
    const { channel, onEnd } = this.#options;
    // Only now it is known who the other end is: the stream may still be dialling.
    channel.send(() => this.#peer?.lose(reason));
    channel.end();
    onEnd(this);
  }

  #arrived(frame: Uint8Array): void {
    const peer = this.#peer;
    if (peer === undefined || peer.isOver) return;
    peer.process.run(`${peer.process.name} frame`, () => {
      peer.#unread.push(frame);
      peer.#readOn();
    });
  }

  #readOn(): void {
    const frame = this.#isPaused ? undefined : this.#unread.shift();
    if (frame === undefined) return;
    if (this.#unread.length > 0) this.process.nextTurn(() => this.#readOn());
    if (this.#peer !== undefined) this.#peer.#taken(frame.length);
    if (!this.#isOver) this.#listener?.onFrame(frame);
  }

  /** The other process has read so much: there may be room again, of which this end hears by way of the other channel. */
  #taken(bytes: number): void {
    this.#bytesUnderWay -= bytes;
    if (!this.#isFull || this.#bytesUnderWay > this.#options.bytesMax / 2) return;
    this.#isFull = false;
    const peer = this.#peer;
    if (peer === undefined) return;
    peer.#options.channel.send(() => {
      this.process.run(`${this.process.name} drain`, () => {
        if (!this.#isOver) this.#listener?.onDrain();
      });
    });
  }
}
