import { create, toBinary } from "@bufbuild/protobuf";
import { PositionSchema } from "../../gen/parley/message/v1/entry_pb.ts";
import { EventSchema, ServerFrameSchema } from "../../gen/parley/session/v1/session_pb.ts";
import type { Notice } from "./cursor.ts";

/** Wire type 2 of protobuf: a length, then as many bytes. */
const lengthDelimited = 2;
const eventsTag = (ServerFrameSchema.field.events.number << 3) | lengthDelimited;
const kindTags = {
  entry: (EventSchema.field.entry.number << 3) | lengthDelimited,
  behind: (EventSchema.field.behind.number << 3) | lengthDelimited,
  rewound: (EventSchema.field.rewound.number << 3) | lengthDelimited,
};

/** What a notice names. */
export interface NoticePosition {
  readonly conversationId: string;
  readonly epoch: bigint;
  readonly seq: bigint;
}

/**
 * The `events` field of a ServerFrame that holds an entry: two tags and lengths around the entry's own bytes, which
 * are copied, so that the result does not keep a receive buffer alive.
 */
export function encodeEntryEvent(entry: Uint8Array): Uint8Array {
  return wrap(kindTags.entry, entry);
}

/** The `events` field of a ServerFrame that holds a notice about a conversation: its position, in the store's epoch. */
export function encodeNoticeEvent(kind: Notice["kind"], position: NoticePosition): Uint8Array {
  return wrap(kindTags[kind], toBinary(PositionSchema, create(PositionSchema, position)));
}

/** Field numbers here are below 16, so that each tag is one byte. */
function wrap(kindTag: number, body: Uint8Array): Uint8Array {
  const eventLength = 1 + varintLength(body.length) + body.length;
  const bytes = new Uint8Array(1 + varintLength(eventLength) + eventLength);
  bytes[0] = eventsTag;
  const kindOffset = putVarint(bytes, 1, eventLength);
  bytes[kindOffset] = kindTag;
  bytes.set(body, putVarint(bytes, kindOffset + 1, body.length));
  return bytes;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length += 1;
  return length;
}

/** Writes a varint and returns the offset behind it. */
function putVarint(bytes: Uint8Array, offset: number, value: number): number {
  let end = offset;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) {
    bytes[end] = (rest & 0x7f) | 0x80;
    end += 1;
  }
  bytes[end] = rest;
  return end + 1;
}
