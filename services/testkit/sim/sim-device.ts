import { create } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import {
  CloseAction,
  CloseReason,
  CloseReasonSchema,
  type StreamClosed,
} from "../../../gen/parley/error/v1/stream_closed_pb.ts";
import { type Entry, type Position, PositionSchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import {
  type Event,
  OpenSchema,
  PositionsSchema,
  type ServerFrame,
} from "../../../gen/parley/session/v1/session_pb.ts";
import { backoffDelayMs } from "../../kernel/backoff.ts";
import type { Timer } from "../../kernel/clock.ts";
import type { Caller } from "../../rpc/caller.ts";
import { StreamSends } from "../stream-sends.ts";
import type { DeviceHabits } from "./device-habits.ts";
import type { EdgeClient, EdgeFailure } from "./edge-client.ts";
import { listUpTo } from "./edge-list.ts";
import { HeldLog } from "./held-log.ts";
import { LeftBehind } from "./left-behind.ts";
import {
  type Attachment,
  type DeviceTally,
  generationOf,
  newAttachment,
  newTally,
} from "./sim-attachment.ts";
import type { SimJournal } from "./sim-journal.ts";
import type { SimProcess } from "./sim-process.ts";

/** Between two streams. The contract allows 30 s; it is less here so that runs are short. */
const reconnect = { baseMs: 500, maxMs: 4_000 } as const;

/** A device that was told to stay closed is opened again by its person after at most this long, in milliseconds. */
const personMsMax = 3_000;

/** The heartbeat that devices ask for, in milliseconds; the shortest that the contract allows. */
const heartbeatMs = 15_000;

/** How long a node may take to say `opened`, in milliseconds; contract. */
const openedMsMax = 10_000;

/** What a device is made from. */
export interface SimDeviceOptions {
  readonly process: SimProcess;
  readonly client: EdgeClient;
  readonly caller: Caller;
  readonly habits: DeviceHabits;
  readonly journal: SimJournal;
  /** Nodes that it may go to, as it knows them. */
  readonly addresses: () => readonly string[];
  /** The store's epoch was raised, so that devices may be told to drop what they hold. */
  readonly mayRewind: () => boolean;
  /** The generation that the store gave this device last. */
  readonly newestGeneration: () => bigint;
}

/** A device as the contract describes one: attaches, stores, acknowledges, lists, follows, and comes back. */
export class SimDevice {
  readonly held: HeldLog;
  readonly sends: StreamSends;
  readonly tally: DeviceTally = newTally();
  readonly #options: SimDeviceOptions;
  #habits: DeviceHabits;
  #attachment: Attachment | undefined;
  readonly #leftBehind = new LeftBehind();
  #next: Timer | undefined;
  #failures = 0;
  #ticket = "";
  /** Of its last open, when it numbers them. */
  #ordinal = 0n;
  /** Where the node of the stream before told it to go. */
  #movedTo: string | undefined;
  #isStopped = false;

  constructor(options: SimDeviceOptions) {
    this.#options = options;
    const { caller, habits } = options;
    this.#habits = habits;
    this.held = new HeldLog(caller.accountId, caller.deviceId);
    const { clock, rng } = options.process;
    this.sends = new StreamSends({
      after: (ms, callback) => clock.after(ms, callback),
      fraction: () => rng.fraction(),
    });
  }

  get caller(): Caller {
    return this.#options.caller;
  }

  /** Attaches after a while, and goes on until `stop`. */
  start(delayMs: number): void {
    this.#connectIn(delayMs);
  }

  /** Streams that it left and that no node has ended yet. */
  get leftBehind(): number {
    return this.#leftBehind.size;
  }

  /** Breaks or leaves its stream, whatever it is doing, and goes to another node or the same one. */
  hop(): void {
    const attachment = this.#attachment;
    if (attachment === undefined) return;
    const isLeft = this.#options.process.rng.fraction() < this.#habits.leaveRate;
    if (!isLeft || !this.#leftBehind.add(attachment)) attachment.stream.drop();
    this.#ended(attachment, 0);
  }

  /** From now on it reads, acknowledges and stays, as an ordinary device does. */
  calm(): void {
    this.#habits = {
      ...this.#habits,
      acknowledgeMsMax: 0,
      forgetRate: 0,
      loseRate: 0,
      pauseRate: 0,
      hopMsMax: 0,
    };
    const attachment = this.#attachment;
    if (attachment === undefined) return;
    attachment.stream.resume();
    if (attachment.stored > 0n) attachment.stream.say({ case: "ack", value: attachment.stored });
  }

  stop(): void {
    this.#isStopped = true;
    this.#next?.cancel();
    this.#attachment?.stream.drop();
    if (this.#attachment !== undefined) this.#leave(this.#attachment);
    this.#leftBehind.drop();
  }

  #connectIn(delayMs: number): void {
    if (this.#isStopped) return;
    this.#next = this.#options.process.clock.after(delayMs, () => this.#connect());
  }

  #connect(): void {
    const { process, client, addresses, journal } = this.#options;
    const habits = this.#habits;
    const known = addresses();
    const positions = create(PositionsSchema, { positions: this.held.positions(), last: true });
    const open = create(OpenSchema, {
      resumeTicket: this.#ticket,
      positions,
      window: habits.window,
      heartbeatInterval: durationFromMs(heartbeatMs),
      ordinal: habits.numbersOpens ? (this.#ordinal += 1n) : 0n,
    });
    const address = this.#movedTo ?? process.rng.pick(known);
    this.#movedTo = undefined;
    const attachment = newAttachment(journal.streams.begin(this.caller.deviceId, address, open.ordinal));
    attachment.stream = client.attach(address, open, {
      onFrame: (frame) => this.#heard(attachment, frame),
      onEnd: (failure) => {
        if (failure !== undefined && failure.reason !== "broken") attachment.notes.refused();
        if (!this.#leftBehind.ended(attachment)) this.#ended(attachment, this.#delayAfter(failure));
      },
    });
    this.#attachment = attachment;
    this.#watchSilence(attachment, openedMsMax);
    if (habits.hopMsMax > 0)
      process.clock.after(process.rng.fraction() * habits.hopMsMax, () => {
        if (this.#attachment === attachment && this.#habits.hopMsMax > 0) this.hop();
      });
  }

  #delayAfter(failure: EdgeFailure | undefined): number {
    const { process, journal, caller } = this.#options;
    if (failure !== undefined && !failure.mayRepeat)
      journal.complain(`${caller.deviceId} may not attach: ${failure.reason} ${failure.message}`);
    this.#failures += 1;
    return failure?.retryDelayMs ?? backoffDelayMs(reconnect, this.#failures, process.rng.fraction()) ?? 0;
  }

  #ended(attachment: Attachment, delayMs: number): void {
    if (this.#attachment !== attachment) return;
    this.#leave(attachment);
    this.#connectIn(delayMs);
  }

  #leave(attachment: Attachment): void {
    attachment.isOver = true;
    attachment.silence?.cancel();
    this.#attachment = undefined;
    this.sends.detached();
  }

  /** Three heartbeats without a frame mean that the stream is dead, whatever the connection says; the node may not know. */
  #watchSilence(attachment: Attachment, silenceMsMax = 3 * heartbeatMs): void {
    attachment.silence?.cancel();
    attachment.silence = this.#options.process.clock.after(silenceMsMax, () => this.hop());
  }

  #heard(attachment: Attachment, frame: ServerFrame): void {
    attachment.notes.heard(frame);
    if (attachment.isOver) return this.#leftBehind.heard(attachment, frame);
    this.#watchSilence(attachment);
    attachment.frames.push(frame);
    this.#readSlowly(attachment);
    if (!attachment.isWorking) void this.#work(attachment);
  }

  /** Now and then it reads nothing for a while. */
  #readSlowly({ stream }: Attachment): void {
    const { process } = this.#options;
    const habits = this.#habits;
    if (process.rng.fraction() >= habits.pauseRate) return;
    stream.pause();
    process.clock.after(process.rng.fraction() * habits.pauseMsMax, () => stream.resume());
  }

  /** Frames one by one, since a gap is listed before anything after it is looked at. */
  async #work(attachment: Attachment): Promise<void> {
    attachment.isWorking = true;
    for (let frame = attachment.frames.shift(); frame !== undefined; frame = attachment.frames.shift()) {
      await this.#take(attachment, frame);
      if (attachment.isOver) return;
    }
    attachment.isWorking = false;
  }

  async #take(attachment: Attachment, frame: ServerFrame): Promise<void> {
    if (frame.redelivered) this.tally.redelivered += frame.events.length;
    if (!this.#loses(attachment, frame)) {
      for (const event of frame.events) {
        await this.#takeEvent(attachment, event);
        if (attachment.isOver) return;
      }
    }
    const { length } = frame.events;
    if (length > 0) this.#acknowledge(attachment, frame.firstDeliveryId + BigInt(length) - 1n);
    for (const result of frame.results) this.sends.result(result);
    this.#takeControl(attachment, frame.control);
  }

  /** Now and then it cannot store what comes, and acknowledges nothing until all of that has come again. */
  #loses({ lost }: Attachment, { events, redelivered }: ServerFrame): boolean {
    if (redelivered || this.#options.process.rng.fraction() >= this.#habits.loseRate) return false;
    if (!events.every(({ kind }) => kind.case === "entry")) return false;
    for (const { kind } of events)
      if (kind.case === "entry") lost.set(kind.value.conversationId, kind.value.seq);
    return events.length > 0;
  }

  #acknowledge(attachment: Attachment, deliveryId: bigint): void {
    const { process } = this.#options;
    const habits = this.#habits;
    for (const [conversationId, seq] of attachment.lost)
      if (this.held.seqOf(conversationId) >= seq) attachment.lost.delete(conversationId);
    if (attachment.lost.size > 0) return;
    attachment.stored = deliveryId;
    if (process.rng.fraction() < habits.forgetRate) return;
    const say = (): void => {
      if (!attachment.isOver) attachment.stream.say({ case: "ack", value: deliveryId });
    };
    if (habits.acknowledgeMsMax === 0) say();
    else process.clock.after(process.rng.fraction() * habits.acknowledgeMsMax, say);
  }

  async #takeEvent(attachment: Attachment, { kind }: Event): Promise<void> {
    switch (kind.case) {
      case "entry":
        if (this.#waitsFor(attachment, kind.value)) return;
        if (this.#store(kind.value) !== "gap") return;
        this.tally.gaps += 1;
        await this.#list(attachment, kind.value);
        return;
      case "behind":
        this.tally.behind += 1;
        // Beside the stream, which has pings to answer; nothing of this conversation comes before `follow`.
        void this.#catchUp(attachment, kind.value);
        return;
      case "rewound":
        this.tally.rewound += 1;
        this.held.rewind(kind.value);
        // No simulated store loses what it has committed, unless it was put back.
        if (!this.#options.mayRewind())
          this.#options.journal.complain(
            `${this.caller.deviceId} was told that ${kind.value.conversationId} was rewound`,
          );
        return;
      case undefined:
        return;
      default:
        kind satisfies never;
    }
  }

  /** An entry behind one that could not be stored comes again after it. */
  #waitsFor({ lost }: Attachment, { conversationId, seq }: Entry): boolean {
    const lostSeq = lost.get(conversationId);
    if (lostSeq === undefined || seq <= lostSeq) return false;
    lost.set(conversationId, seq);
    return true;
  }

  #store(entry: Entry): ReturnType<HeldLog["take"]> {
    const intake = this.held.take(entry);
    if (intake === "dropped") this.tally.dropped += 1;
    return intake;
  }

  async #catchUp(attachment: Attachment, head: Position): Promise<void> {
    await this.#list(attachment, head);
    if (attachment.isOver) return;
    const { conversationId, epoch } = head;
    const value = create(PositionSchema, { conversationId, epoch, seq: this.held.seqOf(conversationId) });
    attachment.stream.say({ case: "follow", value });
  }

  /** Lists up to a position. When that fails the stream is opened again, with the positions held. */
  async #list(attachment: Attachment, to: Pick<Position, "conversationId" | "seq">): Promise<void> {
    const isListed = await listUpTo(this.#options, {
      ...to,
      held: () => this.held.seqOf(to.conversationId),
      store: (entry) => void this.#store(entry),
      isOver: () => attachment.isOver,
    });
    if (isListed || attachment.isOver) return;
    attachment.stream.drop();
    this.#ended(attachment, 0);
  }

  #takeControl(attachment: Attachment, control: ServerFrame["control"]): void {
    const { stream } = attachment;
    switch (control.case) {
      case "opened":
        this.tally.streams += 1;
        this.#ticket = control.value.resumeTicket;
        this.sends.attached((request) => stream.say({ case: "send", value: request }));
        return;
      case "caughtUp":
        this.#failures = 0;
        return;
      case "ping":
        stream.say({ case: "pong", value: control.value });
        return;
      case "closed":
        stream.drop();
        this.#ended(attachment, this.#delayAfterClose(control.value));
        return;
      case "moving":
        // The stream serves until the deadline; most devices go at once.
        this.#options.process.clock.after(1_000 * this.#options.process.rng.fraction(), () => {
          if (this.#attachment !== attachment) return;
          this.#movedTo = control.value.address.replace(/^http:\/\//, "") || undefined;
          this.hop();
        });
        return;
      case "pong":
      case "renewed":
      case undefined:
        return;
      default:
        control satisfies never;
    }
  }

  #delayAfterClose({ action, reason, message, retryDelay }: StreamClosed): number {
    const { process, journal, newestGeneration } = this.#options;
    const name = CloseReasonSchema.value[reason]?.localName ?? "";
    this.tally.closed.set(name, (this.tally.closed.get(name) ?? 0) + 1);
    if (reason === CloseReason.PROTOCOL_VIOLATION || reason === CloseReason.INTERNAL)
      journal.complain(`${this.caller.deviceId} was closed with ${name}: ${message}`);
    if (reason === CloseReason.SUPERSEDED && generationOf(this.#ticket) === newestGeneration())
      journal.complain(`${this.caller.deviceId} was superseded, and nothing has attached since`);
    if (reason === CloseReason.SUPERSEDED && this.#ordinal > 0n)
      journal.complain(`${this.caller.deviceId} was superseded, and has opened nothing newer`);
    if (action === CloseAction.RECONNECT_NOW) return 0;
    if (action === CloseAction.STAY_CLOSED) return process.rng.fraction() * personMsMax;
    return retryDelay === undefined ? process.rng.fraction() * 1_000 : durationMs(retryDelay);
  }
}
