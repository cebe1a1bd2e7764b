import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { CloseAction, type StreamClosed } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { type Entry, type Position, PositionSchema } from "../../gen/parley/message/v1/entry_pb.ts";
import { MessageService } from "../../gen/parley/message/v1/message_service_pb.ts";
import {
  type Event,
  OpenSchema,
  PositionsSchema,
  type ServerFrame,
} from "../../gen/parley/session/v1/session_pb.ts";
import { backoffDelayMs } from "../kernel/backoff.ts";
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import type { Rng } from "../kernel/rng.ts";
import { type AttachedStream, attach } from "./attached-stream.ts";
import { CommandError } from "./command-error.ts";
import { intakeOf } from "./entry-intake.ts";
import { exitCodes } from "./exit-codes.ts";
import type { HeldPositions } from "./held-positions.ts";
import type { ServerConnection } from "./server-connection.ts";

/** Positions that one frame of `open` may name. */
const positionsPerFrame = 1000;
const reconnect = { baseMs: 500, maxMs: 30_000 };

/** What a tail needs and whom it tells. */
export interface TailOptions {
  readonly connection: ServerConnection;
  readonly held: HeldPositions;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Ends the tail. */
  readonly signal: AbortSignal;
  /** Called once for each entry, in order; the entry counts as stored when it resolves. */
  onEntry(entry: Entry): Promise<void>;
  /** What happens to the stream, for people. */
  onNotice(text: string): void;
}

type StreamEnd =
  | { readonly kind: "moved"; readonly address: string }
  | { readonly kind: "closed"; readonly closed: StreamClosed }
  | { readonly kind: "lost"; readonly why: string };

type EndWithoutGoal = Exclude<StreamEnd, { readonly kind: "moved" }>;

/** Follows all conversations of a device: attaches, stores, acknowledges, and attaches again until the signal ends it. */
export async function tail(options: TailOptions): Promise<void> {
  const { signal, clock, rng } = options;
  let { connection } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    const startMs = clock.monotonicMs();
    const end = await followOnce({ ...options, connection });
    if (signal.aborted) return;
    connection =
      end.kind === "moved" && end.address !== "" ? options.connection.at(end.address) : options.connection;
    if (end.kind === "moved") {
      attempt = 0;
      options.onNotice(`the node is about to stop; going on at ${connection.server}`);
      continue;
    }
    // A stream that served for a while was no failed attempt.
    if (clock.monotonicMs() - startMs > reconnect.maxMs) attempt = 1;
    const delayMs = delayAfter(end) ?? backoffDelayMs(reconnect, attempt, rng.fraction()) ?? reconnect.maxMs;
    options.onNotice(`${describe(end)}; attaching again in ${(delayMs / 1000).toFixed(1)} s`);
    await sleep(clock, delayMs, signal);
  }
}

function describe(end: EndWithoutGoal): string {
  return end.kind === "lost"
    ? `stream lost (${end.why})`
    : `stream closed by the node (${end.closed.message})`;
}

/** How long to wait as the node said; undefined: by back-off. Throws when this device must not come back by itself. */
function delayAfter(end: EndWithoutGoal): number | undefined {
  if (end.kind === "lost") return undefined;
  const { action, retryDelay, message } = end.closed;
  if (action === CloseAction.STAY_CLOSED) {
    throw new CommandError(`the node closed the stream for good: ${message}`);
  }
  // Attaching fetches a fresh token anyway, so "after login" needs no step of its own.
  if (action === CloseAction.RECONNECT_NOW || action === CloseAction.RECONNECT_AFTER_LOGIN) return 0;
  return retryDelay === undefined ? undefined : durationMs(retryDelay);
}

async function followOnce(options: TailOptions): Promise<StreamEnd> {
  let stream: AttachedStream | undefined;
  let moved: StreamEnd | undefined;
  let leave: Timer | undefined;
  const close = (): void => stream?.close();
  options.signal.addEventListener("abort", close, { once: true });
  try {
    const token = await options.connection.accessToken();
    await raiseOrdinal(options);
    stream = attach(options.connection.server, token, options.clock);
    sendOpen(stream, options.held);
    const messages = createClient(MessageService, options.connection.transport);
    const following = { ...options, stream, messages, token };
    for await (const frame of stream.frames) {
      if (frame.control.case === "moving") {
        const { address, jitter } = frame.control.value;
        moved = { kind: "moved", address };
        // Until then the stream goes on as before.
        const delayMs = options.rng.fraction() * (jitter === undefined ? 0 : durationMs(jitter));
        leave = options.clock.after(delayMs, close);
      }
      const closed = await takeFrame(following, frame);
      if (closed?.action === CloseAction.STAY_CLOSED) return { kind: "closed", closed };
      if (closed !== undefined) return moved ?? { kind: "closed", closed };
    }
    return moved ?? { kind: "lost", why: "it ended without a word" };
  } catch (error) {
    const lost = lostBy(error);
    return moved ?? lost;
  } finally {
    leave?.cancel();
    options.signal.removeEventListener("abort", close);
    close();
  }
}

function lostBy(error: unknown): StreamEnd {
  if (error instanceof CommandError) throw error;
  const failure = ConnectError.from(error);
  // Refreshing the token has failed as well by now: only a person can log in.
  if (failure.code === Code.Unauthenticated) {
    throw new CommandError(`this device is logged out: ${failure.rawMessage}`, exitCodes.notLoggedIn);
  }
  return { kind: "lost", why: failure.rawMessage };
}

/** Whatever becomes of the clock, or of this process, the next open has a higher one. */
async function raiseOrdinal({ held, clock }: TailOptions): Promise<void> {
  const { ordinal } = held;
  const nowMs = BigInt(Math.floor(clock.wallMs()));
  held.ordinal = nowMs > ordinal ? nowMs : ordinal + 1n;
  await held.save();
}

function sendOpen(stream: AttachedStream, held: HeldPositions): void {
  const all = [...held.positions].map(([conversationId, position]) =>
    create(PositionSchema, { conversationId, ...position }),
  );
  const frames = Array.from({ length: Math.max(1, Math.ceil(all.length / positionsPerFrame)) }, (_, index) =>
    create(PositionsSchema, {
      positions: all.slice(index * positionsPerFrame, (index + 1) * positionsPerFrame),
    }),
  );
  const last = frames.at(-1);
  if (last !== undefined) last.last = true;
  const [positions, ...more] = frames;
  const open = create(OpenSchema, {
    resumeTicket: held.resumeTicket,
    ordinal: held.ordinal,
    ...(positions && { positions }),
  });
  stream.send({ case: "open", value: open });
  for (const frame of more) stream.send({ case: "positions", value: frame });
}

interface Following extends TailOptions {
  readonly stream: AttachedStream;
  readonly messages: Client<typeof MessageService>;
  /** The one that the node knows of. */
  token: string;
}

async function takeFrame(following: Following, frame: ServerFrame): Promise<StreamClosed | undefined> {
  for (const event of frame.events) await takeEvent(following, event);
  if (frame.events.length > 0) {
    await following.held.save();
    following.stream.send({ case: "ack", value: frame.firstDeliveryId + BigInt(frame.events.length) - 1n });
  }
  const { control } = frame;
  if (control.case === "opened") following.held.resumeTicket = control.value.resumeTicket;
  if (control.case === "caughtUp") following.onNotice("up to date; waiting for more");
  if (control.case === "ping") await answerPing(following, control.value);
  return control.case === "closed" ? control.value : undefined;
}

/** The heartbeat is also the moment to renew the token, which ends before the stream otherwise. */
async function answerPing(following: Following, nonce: bigint): Promise<void> {
  following.stream.send({ case: "pong", value: nonce });
  const token = await following.connection.accessToken();
  if (token !== following.token) following.stream.send({ case: "renew", value: token });
  following.token = token;
}

async function takeEvent(following: Following, event: Event): Promise<void> {
  const { kind } = event;
  if (kind.case === "entry") await takeEntry(following, kind.value);
  if (kind.case === "behind") await catchUp(following, kind.value);
  if (kind.case === "rewound") {
    const { conversationId, epoch, seq } = kind.value;
    following.held.set(conversationId, { epoch, seq });
    following.onNotice(`${conversationId} was rewound to entry ${seq}: what came after it is void`);
  }
}

async function takeEntry(following: Following, entry: Entry): Promise<void> {
  const { held, connection } = following;
  const heldSeq = held.get(entry.conversationId)?.seq ?? 0n;
  const intake = intakeOf(entry, heldSeq, connection.profile.accountId);
  if (intake === "drop") return;
  if (intake === "gap") await listUpTo(following, entry.conversationId, entry.seq - 1n);
  await store(following, entry);
}

async function store(following: Following, entry: Entry): Promise<void> {
  await following.onEntry(entry);
  following.held.set(entry.conversationId, { epoch: entry.epoch, seq: entry.seq });
}

/** Too much was missed to be pushed: list it, then follow from there. */
async function catchUp(following: Following, head: Position): Promise<void> {
  await listUpTo(following, head.conversationId, head.seq);
  await following.held.save();
  const held = following.held.get(head.conversationId) ?? { epoch: head.epoch, seq: head.seq };
  const position = create(PositionSchema, { conversationId: head.conversationId, ...held });
  following.stream.send({ case: "follow", value: position });
}

async function listUpTo(following: Following, conversationId: string, seq: bigint): Promise<void> {
  let after = following.held.get(conversationId)?.seq ?? 0n;
  while (after < seq) {
    const page = await following.messages.listEntries({ conversationId, seq: after, pageSize: 500 });
    for (const entry of page.entries) if (entry.seq <= seq) await store(following, entry);
    if (!page.hasMore) return;
    after = page.nextSeq;
  }
}
