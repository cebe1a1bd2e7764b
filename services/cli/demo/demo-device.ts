import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { CloseAction, type StreamClosed } from "../../../gen/parley/error/v1/stream_closed_pb.ts";
import { type Entry, type Position, PositionSchema } from "../../../gen/parley/message/v1/entry_pb.ts";
import type { SendMessageRequest } from "../../../gen/parley/message/v1/message_service_pb.ts";
import {
  type Event,
  OpenSchema,
  PositionsSchema,
  type ServerFrame,
} from "../../../gen/parley/session/v1/session_pb.ts";
import { backoffDelayMs } from "../../kernel/backoff.ts";
import { sleep } from "../../kernel/clock.ts";
import { type AttachedStream, attach } from "../attached-stream.ts";
import { intakeOf } from "../entry-intake.ts";
import type { RepeatOptions } from "../repeat-call.ts";
import type { DemoPerson } from "./demo-person.ts";
import { listAll } from "./seen-entry.ts";
import { SendLane, type Settlement } from "./send-lane.ts";

const reconnect = { baseMs: 500, maxMs: 30_000 };

/** How a device of the demo behaves, and who is told about it. */
export interface DemoDeviceOptions extends RepeatOptions {
  readonly person: DemoPerson;
  /** Base URLs of nodes: it attaches to the first, and to the next whenever a stream was lost. */
  readonly servers: readonly string[];
  /** The only conversation that it takes part in. */
  readonly conversationId: string;
  /** Told of each entry once it is stored. */
  onStored(entry: Entry): void;
  /** Told just before a send goes out, at its first and at each further try. */
  onTry(clientMessageId: string): void;
  onSettled(clientMessageId: string, settlement: Settlement): void;
  /** Told when a stream was lost, for people. */
  onLost(text: string): void;
}

/** A device in memory that does what the contract asks of one: stores, acknowledges, sends again, comes back. */
export class DemoDevice {
  readonly #options: DemoDeviceOptions;
  readonly #lane = new SendLane();
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #caughtUp = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;
  #stream: AttachedStream | undefined;
  /** The stream on which a refusal is waited out. */
  #pausedOn: AttachedStream | undefined;
  #held = { epoch: 0n, seq: 0n };
  #ticket = "";

  constructor(options: DemoDeviceOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#end.signal]);
  }

  /** Resolves once it has reached the end of its conversation for the first time. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Sends that went out and were not answered. */
  get underWay(): number {
    return this.#lane.underWay;
  }

  /** Attaches, and goes on until `stop`. */
  start(): this {
    this.#running ??= this.#run();
    return this;
  }

  /** Takes a message, which goes out when its turn comes. */
  send(request: SendMessageRequest): void {
    this.#lane.add(request);
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { servers, clock, rng, person } = this.#options;
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      const server = servers[(attempt - 1) % servers.length] ?? "";
      const closed = await this.#follow(server).catch((error: unknown) => ConnectError.from(error));
      if (this.#signal.aborted) return;
      const retryDelay = closed instanceof ConnectError ? undefined : closed?.retryDelay;
      const said = closed instanceof ConnectError ? closed.rawMessage : closed?.message;
      this.#options.onLost(`${person.handle} lost the stream to ${server} (${said ?? "without a word"})`);
      if (!(closed instanceof ConnectError) && closed?.action === CloseAction.STAY_CLOSED) return;
      const delayMs = retryDelay && durationMs(retryDelay);
      await sleep(clock, delayMs ?? backoffDelayMs(reconnect, attempt, rng.fraction()) ?? 0, this.#signal);
    }
  }

  /** One stream, to its end. */
  async #follow(server: string): Promise<StreamClosed | undefined> {
    const stream = attach(server, this.#options.person.accessToken, this.#options.clock);
    const close = (): void => stream.close();
    this.#signal.addEventListener("abort", close, { once: true });
    this.#stream = stream;
    try {
      this.#open(stream);
      for await (const frame of stream.frames) {
        const closed = await this.#takeFrame(stream, server, frame);
        if (closed !== undefined) return closed;
      }
      return undefined;
    } finally {
      this.#lane.detached();
      this.#stream = undefined;
      this.#signal.removeEventListener("abort", close);
      close();
    }
  }

  #open(stream: AttachedStream): void {
    const held = this.#held.seq === 0n ? [] : [this.#position()];
    const positions = create(PositionsSchema, { positions: held, last: true });
    stream.send({ case: "open", value: create(OpenSchema, { resumeTicket: this.#ticket, positions }) });
  }

  #position(): Position {
    return create(PositionSchema, { conversationId: this.#options.conversationId, ...this.#held });
  }

  async #takeFrame(
    stream: AttachedStream,
    server: string,
    frame: ServerFrame,
  ): Promise<StreamClosed | undefined> {
    for (const event of frame.events) await this.#takeEvent(stream, server, event);
    if (frame.events.length > 0) {
      stream.send({ case: "ack", value: frame.firstDeliveryId + BigInt(frame.events.length) - 1n });
    }
    for (const result of frame.results) {
      const settlement = this.#lane.answer(result);
      if (settlement !== undefined) this.#options.onSettled(result.clientMessageId, settlement);
    }
    const { control } = frame;
    if (control.case === "opened") {
      this.#ticket = control.value.resumeTicket;
      this.#lane.attached();
    }
    if (control.case === "caughtUp") this.#caughtUp.resolve();
    if (control.case === "ping") stream.send({ case: "pong", value: control.value });
    this.#pump();
    return control.case === "closed" ? control.value : undefined;
  }

  async #takeEvent(stream: AttachedStream, server: string, { kind }: Event): Promise<void> {
    if (kind.case === "entry") await this.#takeEntry(server, kind.value);
    if (kind.case === "behind") {
      await this.#listUpTo(server, kind.value.seq);
      stream.send({ case: "follow", value: this.#position() });
    }
    // What was stored stays in the history, where the checkers find that it disagrees with the log.
    if (kind.case === "rewound") this.#held = { epoch: kind.value.epoch, seq: kind.value.seq };
  }

  async #takeEntry(server: string, entry: Entry): Promise<void> {
    const intake = intakeOf(entry, this.#held.seq, this.#options.person.accountId);
    if (intake === "gap") await this.#listUpTo(server, entry.seq - 1n);
    if (intake !== "drop") this.#store(entry);
  }

  async #listUpTo(server: string, seq: bigint): Promise<void> {
    const { person, conversationId } = this.#options;
    const entries = await listAll(this.#options, { person, server, conversationId }, this.#held.seq);
    for (const entry of entries) if (entry.seq <= seq) this.#store(entry);
  }

  #store(entry: Entry): void {
    this.#held = { epoch: entry.epoch, seq: entry.seq };
    this.#options.onStored(entry);
  }

  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    for (let request = this.#lane.next(); request !== undefined; request = this.#lane.next()) {
      this.#options.onTry(request.clientMessageId);
      stream.send({ case: "send", value: request });
    }
    const { pauseMs } = this.#lane;
    if (pauseMs !== undefined) this.#resumeAfter(stream, pauseMs);
  }

  /** One wait per refusal, whatever is answered or added meanwhile. */
  #resumeAfter(stream: AttachedStream, delayMs: number): void {
    if (this.#pausedOn === stream) return;
    this.#pausedOn = stream;
    void sleep(this.#options.clock, delayMs, this.#signal).then(() => {
      if (this.#pausedOn === stream) this.#pausedOn = undefined;
      if (this.#stream !== stream) return;
      this.#lane.resume();
      this.#pump();
    });
  }
}
