import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { type ServerFrame, ServerFrameSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { frameBytesMax } from "./session-limits.ts";

/**
 * An encoded AttachResponse, in parts to be concatenated. The same bytes are a ReceiveResponse, and a frame
 * of a PollResponse, since all of them hold their frame in field 1.
 */
export interface EncodedFrame {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

/** One control of a frame. */
export type FrameControl = Exclude<ServerFrame["control"], { case: undefined }>;

const lengthDelimited = 2;
const varint = 0;
const tagOf = (field: number, wireType: number): number => (field << 3) | wireType;
const frameField = 1;
const firstDeliveryIdField = 2;
const redeliveredField = 3;
const resultsField = 4;
const signalsField = 5;

/** The largest tail of an events frame: a delivery id of ten bytes, a flag, and their tags. */
const tailBytesMax = 13;

/** Whether one more event leaves a frame within its bound. The first one always does. */
export function fitsEventsFrame(bytesSoFar: number, eventBytes: number): boolean {
  return bytesSoFar === 0 || bytesSoFar + eventBytes + tailBytesMax <= frameBytesMax;
}

/** A frame of events whose delivery ids follow one another; each is an encoded `events` field already. */
export function eventsFrame(
  events: readonly Uint8Array[],
  firstDeliveryId: bigint,
  redelivered: boolean,
): EncodedFrame {
  const tail = new BinaryWriter().uint32(tagOf(firstDeliveryIdField, varint)).uint64(firstDeliveryId);
  if (redelivered) tail.uint32(tagOf(redeliveredField, varint)).bool(true);
  return wrap([...events, tail.finish()]);
}

/** Frames of encoded SendResults and Signals, in order, each frame within its bound. */
export function listFrames(results: readonly Uint8Array[], signals: readonly Uint8Array[]): EncodedFrame[] {
  const fields = [
    ...results.map((result) => fieldOf(resultsField, result)),
    ...signals.map((signal) => fieldOf(signalsField, signal)),
  ];
  const frames: EncodedFrame[] = [];
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const field of fields) {
    if (bytes > 0 && bytes + field.byteLength > frameBytesMax) {
      frames.push(wrap(parts));
      [parts, bytes] = [[], 0];
    }
    parts.push(field);
    bytes += field.byteLength;
  }
  if (parts.length > 0) frames.push(wrap(parts));
  return frames;
}

/** A frame of one control. */
export function controlFrame(control: FrameControl): EncodedFrame {
  return wrap([toBinary(ServerFrameSchema, create(ServerFrameSchema, { control }))]);
}

function fieldOf(field: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(tagOf(field, lengthDelimited)).bytes(bytes).finish();
}

function wrap(content: readonly Uint8Array[]): EncodedFrame {
  const length = content.reduce((sum, part) => sum + part.byteLength, 0);
  const header = new BinaryWriter().uint32(tagOf(frameField, lengthDelimited)).uint32(length).finish();
  return { parts: [header, ...content], bytes: header.byteLength + length };
}
