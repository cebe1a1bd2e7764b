import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import {
  CloseAction,
  type CloseReason,
  CloseReasonSchema,
  type StreamClosed,
} from "../../../gen/parley/error/v1/stream_closed_pb.ts";
import { type Entry, type Position, PositionSchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import { TypingSchema } from "../../../gen/parley/message/v1/signal_pb.ts";
import {
  type Event,
  type Moving,
  OpenSchema,
  PositionsSchema,
  type SendResult,
  type ServerFrame,
} from "../../../gen/parley/session/v1/session_pb.ts";
import { StreamSends } from "../../testkit/stream-sends.ts";
import type { ReadPace } from "./attach-link.ts";
import { DeviceStore } from "./device-store.ts";
import { newTally } from "./device-tally.ts";
import { type Link, openLink, type Way } from "./link.ts";
import { pause } from "./pause.ts";
import { mayRepeat, type Refusal, refusalOf } from "./refusal.ts";
import { type SilenceWatch, watchSilence } from "./silence-watch.ts";
import { repeatCall, type User } from "./user.ts";

/** The longest random pause before a lost stream is opened again, in milliseconds; short, since tests wait for it. */
const reconnectMsMax = 200;

/** Entries of one page of a gap; a device with a pace takes small ones. */
const pageSize = 500;
const pageSizePaced = 20;

const noTime = durationFromMs(0);

/** How long a node may take to say `opened`, in milliseconds; contract. */
const openedMsMax = 10_000;

/** The shortest heartbeat of the contract: a device that polled and went is missed after three of them. */
const heartbeatInterval = durationFromMs(15_000);

/** A moment at which a device may die. */
export type CrashPoint =
  /** `open` has been said. */
  | { readonly at: "opening" }
  /** Events have arrived and none of them is stored. */
  | { readonly at: "received"; readonly frame: ServerFrame }
  /** This entry is about to be stored; those before it in its frame are. */
  | { readonly at: "storing"; readonly entry: Entry }
  /** A frame is stored and not acknowledged. */
  | { readonly at: "stored" }
  /** A frame is acknowledged. */
  | { readonly at: "acknowledged" };

/** `crash`: the connection breaks here. `lose`: the rest of this answer was lost on its way (Poll only). */
export type CrashVerdict = "crash" | "lose" | undefined;

/** How a device behaves. */
export interface DeviceOptions {
  readonly user: User;
  readonly way: Way;
  /** How fast it reads, streams and lists alike; Attach only. Unset: as fast as it can. */
  readonly pace?: ReadPace;
  /** Events that may be unacknowledged, 1 to 1,024; the node's default when unset. */
  readonly window?: number;
  /**
   * Asked before each stream where to open it; unset: where the user is. What it answers must be the same device.
   * `address`: where the node of the stream before told it to go.
   */
  place?(address?: string): User;
  /** Asked at every point where a device may die. */
  crashAt?(point: CrashPoint): CrashVerdict;
  /** In place of `openLink`. */
  readonly open?: typeof openLink;
  /** Told of each entry just after it was stored. */
  onStored?(entry: Entry): void;
}

type StreamEnd =
  | { readonly kind: "closed"; readonly closed: StreamClosed }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "crashed" }
  /** It was told to go, and went. */
  | { readonly kind: "moved" };

/** Thrown through the layers at a crash point, because nothing after it may run. */
class Crash extends Error {}

/** A device that does what the contract asks of one: stores, acknowledges, drops, lists, follows and comes back. */
export class Device implements AsyncDisposable {
  readonly store: DeviceStore;
  readonly sends = new StreamSends({ after: onRealTime, fraction: Math.random });
  readonly tally = newTally();
  /** When it was last told that somebody types, by conversation, on the monotonic clock. */
  readonly typingHeardMs = new Map<string, number>();
  readonly user: User;
  readonly #options: DeviceOptions;
  readonly #abort = new AbortController();
  #place: User;
  #running: Promise<void> | undefined;
  #breakStream: (() => void) | undefined;
  /** Of the stream that is open now. */
  #link: Link | undefined;
  #ticket = "";
  #open = false;
  /** What the node of this stream said about leaving. */
  #moving: Moving | undefined;
  /** Of its last open. Those that it gave up may come late, and supersede nothing. */
  #ordinal = 0n;
  #failure: Error | undefined;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.user = options.user;
    this.#place = options.user;
    this.store = new DeviceStore(options.user.accountId);
  }

  /** Whether a stream is open now. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Why the device has given up: it was told to stay closed, or refused for good. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Begins to attach, and goes on until `stop`. */
  start(): this {
    this.#running ??= this.#run();
    return this;
  }

  /** Breaks its open stream at whatever it is doing; it attaches again. Answers false when there is none. */
  cut(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.#breakStream?.();
    return true;
  }

  /** Says that its user types in a conversation; nobody hears it when no stream is open. */
  type(conversationId: string): void {
    this.#link?.say({ case: "typing", value: create(TypingSchema, { conversationId, active: true }) });
  }

  /** Ends its stream and everything that it waits for. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted && this.#failure === undefined) {
      const end = await this.#followOnce();
      this.tally.lastEnd = describeEnd(end);
      if (!signal.aborted) await pause(this.#delayAfter(end), signal);
    }
  }

  /** How long to wait before the next stream, in milliseconds. Notes a failure when there must be none. */
  #delayAfter(end: StreamEnd): number {
    const jitterMs = Math.random() * reconnectMsMax;
    if (end.kind === "crashed" || end.kind === "moved") return 0;
    if (end.kind === "refused") {
      const { refusal } = end;
      if (refusal.retryDelayMs !== undefined) this.tally.refused += 1;
      if (!mayRepeat(refusal)) this.#failure = new Error(`refused: ${refusal.reason} ${refusal.message}`);
      return refusal.retryDelayMs ?? jitterMs;
    }
    const { action, retryDelay, reason, message } = end.closed;
    if (action === CloseAction.STAY_CLOSED) {
      this.#failure = new Error(`closed for good: ${nameOf(reason)} ${message}`);
    }
    return retryDelay === undefined ? jitterMs : durationMs(retryDelay);
  }

  async #followOnce(): Promise<StreamEnd> {
    const { way, pace, window = 0 } = this.#options;
    const user = this.#options.place?.(this.#moving?.address) ?? this.user;
    this.#place = user;
    this.#moving = undefined;
    const streamAbort = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, streamAbort.signal]);
    const onResults = (results: readonly SendResult[]): void => {
      if (!signal.aborted) for (const result of results) this.sends.result(result);
    };
    const positions = create(PositionsSchema, { positions: this.store.positions(), last: true });
    const nowMs = BigInt(Date.now());
    this.#ordinal = nowMs > this.#ordinal ? nowMs : this.#ordinal + 1n;
    const terms = { window, heartbeatInterval, ordinal: this.#ordinal };
    const open = create(OpenSchema, { resumeTicket: this.#ticket, positions, ...terms });
    const openStream = this.#options.open ?? openLink;
    const link = openStream(way, { user, open, onResults, ...(pace && { pace }) });
    this.#breakStream = () => {
      streamAbort.abort();
      link.drop();
    };
    const drop = (): void => link.drop();
    this.#abort.signal.addEventListener("abort", drop, { once: true });
    const watch = watchSilence(drop);
    watch.begin(openedMsMax);
    try {
      const end = await this.#follow(link, signal, watch);
      if (this.#moving === undefined && this.#open) this.tally.unannounced += 1;
      return end;
    } catch (error) {
      const refusal = refusalOf(error);
      if (error instanceof Crash) return { kind: "crashed" };
      if (this.#moving !== undefined) return { kind: "moved" };
      if (this.#open) this.tally.lost += 1;
      if (this.#open && !signal.aborted) this.tally.unannounced += 1;
      return { kind: "refused", refusal };
    } finally {
      this.#open = false;
      this.#link = undefined;
      this.sends.detached();
      watch.stop();
      streamAbort.abort();
      this.#abort.signal.removeEventListener("abort", drop);
      link.drop();
    }
  }

  async #follow(link: Link, signal: AbortSignal, watch: SilenceWatch): Promise<StreamEnd> {
    this.#crashAt({ at: "opening" });
    for await (const frame of link.frames) {
      watch.heard();
      if (signal.aborted) break;
      await this.#takeEvents(link, frame, signal);
      for (const result of frame.results) this.sends.result(result);
      for (const { kind } of frame.signals) {
        if (kind.case === "typing") this.typingHeardMs.set(kind.value.conversationId, performance.now());
      }
      const closed = await this.#takeControl(link, frame, watch);
      if (closed !== undefined) return { kind: "closed", closed };
    }
    throw new Error("the stream ended without a word");
  }

  async #takeControl(
    link: Link,
    { control }: ServerFrame,
    watch: SilenceWatch,
  ): Promise<StreamClosed | undefined> {
    switch (control.case) {
      case "opened":
        this.tally.streams += 1;
        this.#ticket = control.value.resumeTicket;
        this.#open = true;
        this.#link = link;
        if (control.value.heartbeatInterval !== undefined) {
          watch.begin(3 * durationMs(control.value.heartbeatInterval));
        }
        this.sends.attached((request) => link.say({ case: "send", value: request }));
        return undefined;
      case "ping":
        link.say({ case: "pong", value: control.value });
        link.say({ case: "renew", value: await this.user.accessToken() });
        return undefined;
      case "closed": {
        const name = nameOf(control.value.reason);
        this.tally.closed.set(name, (this.tally.closed.get(name) ?? 0) + 1);
        return control.value;
      }
      case "moving":
        this.tally.moved += 1;
        this.#moving = control.value;
        // The rest of what was on its way comes again at the other node.
        setTimeout(() => link.drop(), Math.random() * durationMs(control.value.jitter ?? noTime)).unref();
        return undefined;
      case "caughtUp":
      case "pong":
      case "renewed":
      case undefined:
        return undefined;
      default:
        return control satisfies never;
    }
  }

  async #takeEvents(link: Link, frame: ServerFrame, signal: AbortSignal): Promise<void> {
    if (frame.events.length === 0) return;
    this.tally.events += frame.events.length;
    if (frame.redelivered) this.tally.redelivered += frame.events.length;
    if (this.#crashAt({ at: "received", frame }) === "lose" && link.loseAnswer !== undefined) {
      this.tally.answersLost += 1;
      link.loseAnswer();
      return;
    }
    for (const event of frame.events) await this.#takeEvent(link, event, signal);
    this.#crashAt({ at: "stored" });
    link.say({ case: "ack", value: frame.firstDeliveryId + BigInt(frame.events.length) - 1n });
    this.#crashAt({ at: "acknowledged" });
  }

  async #takeEvent(link: Link, { kind }: Event, signal: AbortSignal): Promise<void> {
    switch (kind.case) {
      case "entry":
        this.#crashAt({ at: "storing", entry: kind.value });
        if (this.#store(kind.value) !== "gap") return;
        // Listed before this frame is acknowledged, since an acknowledgement says that everything is stored.
        this.tally.gaps += 1;
        await this.#list(kind.value.conversationId, kind.value.seq, signal);
        return;
      case "behind":
        this.tally.behind += 1;
        // Beside the stream, which has pings to answer meanwhile; nothing of this conversation comes before `follow`.
        void this.#catchUp(link, kind.value, signal);
        return;
      case "rewound":
        this.tally.rewound += 1;
        this.store.rewind(kind.value);
        return;
      // Acknowledged all the same: the contract may grow kinds that this device does not know.
      case undefined:
        return;
      default:
        kind satisfies never;
    }
  }

  #store(entry: Entry): ReturnType<DeviceStore["take"]> {
    const intake = this.store.take(entry);
    if (intake === "stored") this.#options.onStored?.(entry);
    if (intake === "dropped") this.tally.dropped += 1;
    return intake;
  }

  async #catchUp(link: Link, head: Position, signal: AbortSignal): Promise<void> {
    const { conversationId } = head;
    try {
      await this.#list(conversationId, head.seq, signal);
    } catch {
      // The stream is opened again with the positions held, which tells the node to say `behind` once more.
      link.drop();
      return;
    }
    if (signal.aborted) return;
    const held = { conversationId, epoch: head.epoch, seq: this.store.seqOf(conversationId) };
    link.say({ case: "follow", value: create(PositionSchema, held) });
  }

  /** Lists and stores what lies between the position held and `seq`, that one included. */
  async #list(conversationId: string, seq: bigint, signal: AbortSignal): Promise<void> {
    while (this.store.seqOf(conversationId) < seq && !signal.aborted) {
      const bytesPerSecond = this.#options.pace?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
      const size = Number.isFinite(bytesPerSecond) ? pageSizePaced : pageSize;
      const request = { conversationId, seq: this.store.seqOf(conversationId), pageSize: size };
      const page = await repeatCall(() => this.#place.messages.listEntries(request, { signal }));
      if (signal.aborted) return;
      for (const entry of page.entries) this.#store(entry);
      if (!page.hasMore) return;
      const bytes = page.entries.length * 200;
      if (Number.isFinite(bytesPerSecond)) await pause((bytes / bytesPerSecond) * 1000, signal);
    }
  }

  #crashAt(point: CrashPoint): CrashVerdict {
    const verdict = this.#options.crashAt?.(point);
    if (verdict !== "crash") return verdict;
    this.tally.crashes += 1;
    throw new Crash();
  }
}

function describeEnd(end: StreamEnd): string {
  if (end.kind === "closed") return `closed: ${nameOf(end.closed.reason)} ${end.closed.message}`;
  return end.kind === "refused" ? `${end.refusal.reason} ${end.refusal.message}`.trim() : end.kind;
}

function nameOf(reason: CloseReason): string {
  return CloseReasonSchema.value[reason]?.localName ?? `reason ${reason}`;
}

function onRealTime(ms: number, callback: () => void): { cancel(): void } {
  const timer = setTimeout(callback, ms);
  return { cancel: () => clearTimeout(timer) };
}
