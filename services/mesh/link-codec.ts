import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { EventClass as WireClass } from "../../gen/parley/mesh/v1/link_pb.ts";
import type { EncodedItem, LinkItem } from "./links.ts";
import type { EventClass, TopicEvent } from "./router.ts";
import { assertAtEnd, endOfMessage, skipField } from "./wire-reader.ts";
import { fieldBytesMax, textBytesMax, WireWriter } from "./wire-writer.ts";

/**
 * Items of links, written and read by hand: they are the one thing of the mesh that is as frequent as messages are, and
 * generated code takes several times as long. The tests hold both against each other.
 */

const kindFields = { event: 1, relay: 2, join: 3, leave: 4, broadcast: 5 } as const;
const topicsField = 1;
const broadcastFields = { name: 1, body: 2 } as const;
const eventFields = {
  topic: 1,
  class: 2,
  conversationId: 3,
  seq: 4,
  body: 5,
  membership: 6,
  key: 7,
} as const;

const classes: Readonly<Record<EventClass, WireClass>> = {
  durable: WireClass.DURABLE,
  ephemeral: WireClass.EPHEMERAL,
  notice: WireClass.NOTICE,
};

/** Encodes an item once, for any number of nodes. */
export function encodeItem(item: LinkItem): EncodedItem {
  return { bytes: encodeKind(item).finishAs(kindFields[item.kind]), replaces: replacedKey(item) };
}

function encodeKind(item: LinkItem): WireWriter {
  switch (item.kind) {
    case "event":
    case "relay":
      return encodeEvent(item.event);
    case "join":
    case "leave":
      return encodeTopics(item.topics);
    case "broadcast":
      return encodeBroadcast(item.name, item.body);
  }
}

/** Only what is ephemeral may be dropped and replaced. */
function replacedKey(item: LinkItem): string | undefined {
  if (item.kind !== "event" && item.kind !== "relay") return undefined;
  const { event } = item;
  return event.class === "ephemeral" ? `${item.kind} ${event.topic} ${event.key}` : undefined;
}

function encodeEvent(event: TopicEvent): WireWriter {
  const { topic, conversationId, key, bytes } = event;
  const textsMax = textBytesMax(topic) + textBytesMax(conversationId) + textBytesMax(key);
  const writer = new WireWriter(textsMax + bytes.length + 4 * fieldBytesMax);
  writer.text(eventFields.topic, topic);
  writer.number(eventFields.class, classes[event.class]);
  writer.text(eventFields.conversationId, conversationId);
  writer.uint64(eventFields.seq, event.seq);
  writer.bytes(eventFields.body, bytes);
  writer.number(eventFields.membership, event.membership ? 1 : 0);
  writer.text(eventFields.key, key);
  return writer;
}

function encodeTopics(topics: readonly string[]): WireWriter {
  const writer = new WireWriter(topics.reduce((sum, topic) => sum + textBytesMax(topic), 0));
  for (const topic of topics) writer.item(topicsField, topic);
  return writer;
}

function encodeBroadcast(name: string, body: Uint8Array): WireWriter {
  const writer = new WireWriter(textBytesMax(name) + fieldBytesMax + body.length);
  writer.text(broadcastFields.name, name);
  writer.bytes(broadcastFields.body, body);
  return writer;
}

const noBytes: Uint8Array = new Uint8Array();
const tagOf = (field: number, wireType: WireType): number => (field << 3) | wireType;
const lengthDelimited = (field: number): number => tagOf(field, WireType.LengthDelimited);
const varint = (field: number): number => tagOf(field, WireType.Varint);

const kindTags = {
  event: lengthDelimited(kindFields.event),
  relay: lengthDelimited(kindFields.relay),
  join: lengthDelimited(kindFields.join),
  leave: lengthDelimited(kindFields.leave),
  broadcast: lengthDelimited(kindFields.broadcast),
} as const;

const eventTags = {
  topic: lengthDelimited(eventFields.topic),
  class: varint(eventFields.class),
  conversationId: lengthDelimited(eventFields.conversationId),
  seq: varint(eventFields.seq),
  body: lengthDelimited(eventFields.body),
  membership: varint(eventFields.membership),
  key: lengthDelimited(eventFields.key),
} as const;

const classNames: ReadonlyMap<number, EventClass> = new Map([
  [WireClass.DURABLE, "durable"],
  [WireClass.EPHEMERAL, "ephemeral"],
  [WireClass.NOTICE, "notice"],
]);

/**
 * Reads an item; undefined for a kind, or an event of a class, that this program does not know. Throws when it is
 * malformed. Bodies are views of `bytes`.
 */
export function decodeItem(bytes: Uint8Array): LinkItem | undefined {
  const reader = new BinaryReader(bytes);
  let item: LinkItem | undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    item = readKind(reader, tag) ?? item;
  }
  return item;
}

function readKind(reader: BinaryReader, tag: number): LinkItem | undefined {
  switch (tag) {
    case kindTags.event:
    case kindTags.relay: {
      const event = readEvent(reader);
      return event && { kind: tag === kindTags.event ? "event" : "relay", event };
    }
    case kindTags.join:
      return { kind: "join", topics: readTopics(reader) };
    case kindTags.leave:
      return { kind: "leave", topics: readTopics(reader) };
    case kindTags.broadcast:
      return readBroadcast(reader);
    default:
      skipField(reader, tag);
      return undefined;
  }
}

function readEvent(reader: BinaryReader): TopicEvent | undefined {
  const fields = { topic: "", conversationId: "", seq: 0n, bytes: noBytes, membership: false, key: "" };
  let eventClass: EventClass | undefined;
  const end = endOfMessage(reader);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === eventTags.topic) fields.topic = reader.string();
    else if (tag === eventTags.class) eventClass = classNames.get(reader.int32());
    else if (tag === eventTags.conversationId) fields.conversationId = reader.string();
    else if (tag === eventTags.seq) fields.seq = BigInt(reader.uint64());
    else if (tag === eventTags.body) fields.bytes = reader.bytes();
    else if (tag === eventTags.membership) fields.membership = reader.bool();
    else if (tag === eventTags.key) fields.key = reader.string();
    else skipField(reader, tag);
  }
  assertAtEnd(reader, end);
  return eventClass && { ...fields, class: eventClass };
}

function readTopics(reader: BinaryReader): string[] {
  const topics: string[] = [];
  const end = endOfMessage(reader);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === lengthDelimited(topicsField)) topics.push(reader.string());
    else skipField(reader, tag);
  }
  assertAtEnd(reader, end);
  return topics;
}

function readBroadcast(reader: BinaryReader): LinkItem {
  let name = "";
  let body: Uint8Array = noBytes;
  const end = endOfMessage(reader);
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === lengthDelimited(broadcastFields.name)) name = reader.string();
    else if (tag === lengthDelimited(broadcastFields.body)) body = reader.bytes();
    else skipField(reader, tag);
  }
  assertAtEnd(reader, end);
  return { kind: "broadcast", name, body };
}
