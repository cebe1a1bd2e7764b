import { create, toBinary } from "@bufbuild/protobuf";
import type { ClientFrame } from "../../gen/parley/session/v1/session_pb.ts";
import { type AttachRequest, AttachRequestSchema } from "../../gen/parley/session/v1/session_service_pb.ts";
import { enveloped } from "./envelopes.ts";
import { varint } from "./wire-fields.ts";

const frameTag = 0x0a;
const ackTag = 0x18;
const pongTag = 0x48;
const counterDigits = 12;

/** Up to where a device holds a conversation; the epoch is always the first one. */
export interface HeldPosition {
  readonly conversationId: string;
  readonly seq: number;
}

/** The first frame of a device that holds so much: window 256, the longest heartbeat. At most 1,000 positions. */
export function openFrame(held: readonly HeldPosition[] = []): Buffer {
  const positions = held.map(({ conversationId, seq }) => ({
    $typeName: "parley.message.v1.Position" as const,
    conversationId,
    epoch: 1n,
    seq: BigInt(seq),
  }));
  return enveloped(
    encoded({
      case: "open",
      value: {
        $typeName: "parley.session.v1.Open",
        resumeTicket: "",
        positions: { $typeName: "parley.session.v1.Positions", positions, last: true },
        window: 256,
        heartbeatInterval: { $typeName: "google.protobuf.Duration", seconds: 120n, nanos: 0 },
        ordinal: 0n,
      },
    }),
  );
}

/** Acknowledges every event up to a delivery id. */
export function ackFrame(deliveryId: number): Buffer {
  return numberFrame(ackTag, deliveryId);
}

/** Answers a ping of the node. */
export function pongFrame(number: number): Buffer {
  return numberFrame(pongTag, number);
}

/** Says that the device's user types in a conversation. */
export function typingFrame(conversationId: string): Buffer {
  const value = {
    $typeName: "parley.message.v1.Typing",
    conversationId,
    accountId: "",
    active: true,
  } as const;
  return enveloped(encoded({ case: "typing", value }));
}

function numberFrame(tag: number, value: number): Buffer {
  const frame = Buffer.concat([Buffer.of(tag), varint(value)]);
  return enveloped(Buffer.concat([Buffer.of(frameTag, frame.length), frame]));
}

/** Makes the `send` frames of one conversation: encoded once, with a fresh client message id put into a copy. */
export class SendTemplate {
  readonly #bytes: Buffer;
  readonly #counterOffset: number;

  /**
   * `run` keeps ids of one template apart from those of an earlier one: 8 hexadecimal digits. `retry` says of each send that
   * it may have been sent before.
   */
  constructor(conversationId: string, text: string, run: string, retry = false) {
    const prefix = `${run}-0000-4000-8000-`;
    const clientMessageId = prefix + "0".repeat(counterDigits);
    const content = {
      $typeName: "parley.message.v1.Content",
      kind: { case: "text", value: { $typeName: "parley.message.v1.Text", text } },
      mentions: [],
      replyToSeq: 0n,
    } as const;
    this.#bytes = enveloped(
      encoded({
        case: "send",
        value: {
          $typeName: "parley.message.v1.SendMessageRequest",
          conversationId,
          clientMessageId,
          content: { ...content, mentions: [] },
          retry,
        },
      }),
    );
    this.#counterOffset = this.#bytes.indexOf(clientMessageId) + prefix.length;
  }

  /** The envelope of the send with this number, which becomes part of its client message id. */
  frame(number: number): Buffer {
    const copy = Buffer.from(this.#bytes);
    copy.write(String(number).padStart(counterDigits, "0"), this.#counterOffset, "latin1");
    return copy;
  }
}

/** The number that a client message id was made from; the id stands at these bounds. */
export function numberOfClientId(bytes: Buffer, end: number): number {
  return Number(bytes.toString("latin1", end - counterDigits, end));
}

function encoded(kind: ClientFrame["kind"]): Uint8Array {
  const request: AttachRequest = create(AttachRequestSchema, {
    frame: { $typeName: "parley.session.v1.ClientFrame", kind },
  });
  return toBinary(AttachRequestSchema, request);
}
