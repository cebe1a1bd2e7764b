import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type LinkHello,
  LinkHelloSchema,
  type LinkRefusal,
  LinkRefusalSchema,
  type LinkWelcome,
  LinkWelcomeSchema,
  type NodeCall,
  type NodeCallResult,
  NodeCallResultSchema,
  NodeCallSchema,
} from "../../gen/parley/mesh/v1/link_pb.ts";
import { skipField } from "./wire-reader.ts";
import { fieldBytesMax, WireWriter } from "./wire-writer.ts";

/** What a frame of the node that opened the link holds. Items and hints are encoded LinkItems. */
export interface RequestFrame {
  readonly hello: LinkHello | undefined;
  /** The number of the first item; 0 without items. */
  readonly firstItemSeq: number;
  readonly items: readonly Uint8Array[];
  readonly hints: readonly Uint8Array[];
  readonly calls: readonly NodeCall[];
  /** 0: none. */
  readonly ping: number;
}

/** What a frame of the other node holds. */
export interface ResponseFrame {
  readonly welcome: LinkWelcome | undefined;
  /** 0: none. */
  readonly ack: number;
  readonly results: readonly NodeCallResult[];
  /** 0: none. */
  readonly pong: number;
  readonly refusal: LinkRefusal | undefined;
}

const requestFields = { hello: 1, firstItemSeq: 2, items: 3, hints: 4, calls: 5, ping: 6 } as const;
const responseFields = { welcome: 1, ack: 2, results: 3, pong: 4, refusal: 5 } as const;

/** Encodes a LinkRequest around items and hints that are encoded already. */
export function encodeRequest(frame: Partial<RequestFrame>): Uint8Array {
  const { hello, firstItemSeq = 0, items = [], hints = [], ping = 0 } = frame;
  const hellos = hello === undefined ? [] : [toBinary(LinkHelloSchema, hello)];
  const calls = frame.calls?.map((call) => toBinary(NodeCallSchema, call)) ?? [];
  const listBytesMax = [hellos, items, hints, calls].reduce((sum, list) => sum + itemBytesMax(list), 0);
  const writer = new WireWriter(listBytesMax + 2 * fieldBytesMax);
  for (const bytes of hellos) writer.item(requestFields.hello, bytes);
  writer.number(requestFields.firstItemSeq, firstItemSeq);
  for (const bytes of items) writer.item(requestFields.items, bytes);
  for (const bytes of hints) writer.item(requestFields.hints, bytes);
  for (const bytes of calls) writer.item(requestFields.calls, bytes);
  writer.number(requestFields.ping, ping);
  return writer.finish();
}

/** Encodes a LinkResponse. */
export function encodeResponse(frame: Partial<ResponseFrame>): Uint8Array {
  const { welcome, ack = 0, pong = 0, refusal } = frame;
  const welcomes = welcome === undefined ? [] : [toBinary(LinkWelcomeSchema, welcome)];
  const results = frame.results?.map((result) => toBinary(NodeCallResultSchema, result)) ?? [];
  const refusals = refusal === undefined ? [] : [toBinary(LinkRefusalSchema, refusal)];
  const listBytesMax = [welcomes, results, refusals].reduce((sum, list) => sum + itemBytesMax(list), 0);
  const writer = new WireWriter(listBytesMax + 2 * fieldBytesMax);
  for (const bytes of welcomes) writer.item(responseFields.welcome, bytes);
  writer.number(responseFields.ack, ack);
  for (const bytes of results) writer.item(responseFields.results, bytes);
  writer.number(responseFields.pong, pong);
  for (const bytes of refusals) writer.item(responseFields.refusal, bytes);
  return writer.finish();
}

function itemBytesMax(list: readonly Uint8Array[]): number {
  return list.reduce((sum, item) => sum + item.length + fieldBytesMax, 0);
}

const lengthDelimited = (field: number): number => (field << 3) | WireType.LengthDelimited;
const varint = (field: number): number => (field << 3) | WireType.Varint;

const requestTags = {
  hello: lengthDelimited(requestFields.hello),
  firstItemSeq: varint(requestFields.firstItemSeq),
  items: lengthDelimited(requestFields.items),
  hints: lengthDelimited(requestFields.hints),
  calls: lengthDelimited(requestFields.calls),
  ping: varint(requestFields.ping),
} as const;

const responseTags = {
  welcome: lengthDelimited(responseFields.welcome),
  ack: varint(responseFields.ack),
  results: lengthDelimited(responseFields.results),
  pong: varint(responseFields.pong),
  refusal: lengthDelimited(responseFields.refusal),
} as const;

/** Reads a LinkRequest; what it does not know it passes over. Throws when it is malformed. Contents are views of `bytes`. */
export function decodeRequest(bytes: Uint8Array): RequestFrame {
  const reader = new BinaryReader(bytes);
  const items: Uint8Array[] = [];
  const hints: Uint8Array[] = [];
  const calls: NodeCall[] = [];
  let hello: LinkHello | undefined;
  let firstItemSeq = 0;
  let ping = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === requestTags.items) items.push(reader.bytes());
    else if (tag === requestTags.firstItemSeq) firstItemSeq = Number(reader.uint64());
    else if (tag === requestTags.hints) hints.push(reader.bytes());
    else if (tag === requestTags.calls) calls.push(fromBinary(NodeCallSchema, reader.bytes()));
    else if (tag === requestTags.ping) ping = Number(reader.uint64());
    else if (tag === requestTags.hello) hello = fromBinary(LinkHelloSchema, reader.bytes());
    else skipField(reader, tag);
  }
  return { hello, firstItemSeq, items, hints, calls, ping };
}

/** Reads a LinkResponse; what it does not know it passes over. Throws when it is malformed. */
export function decodeResponse(bytes: Uint8Array): ResponseFrame {
  const reader = new BinaryReader(bytes);
  const results: NodeCallResult[] = [];
  let welcome: LinkWelcome | undefined;
  let refusal: LinkRefusal | undefined;
  let ack = 0;
  let pong = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === responseTags.ack) ack = Number(reader.uint64());
    else if (tag === responseTags.results) results.push(fromBinary(NodeCallResultSchema, reader.bytes()));
    else if (tag === responseTags.pong) pong = Number(reader.uint64());
    else if (tag === responseTags.welcome) welcome = fromBinary(LinkWelcomeSchema, reader.bytes());
    else if (tag === responseTags.refusal) refusal = fromBinary(LinkRefusalSchema, reader.bytes());
    else skipField(reader, tag);
  }
  return { welcome, ack, results, pong, refusal };
}
