import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  LinkItemSchema,
  TopicEventSchema,
  EventClass as WireClass,
} from "../../gen/parley/mesh/v1/link_pb.ts";
import { eventItem } from "./fixtures/linked-node.ts";
import { decodeItem, encodeItem } from "./link-codec.ts";
import type { LinkItem } from "./links.ts";
import type { EventClass } from "./router.ts";

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const body = fc.uint8Array({ maxLength: 200 });
const classes = fc.constantFrom<EventClass>("durable", "ephemeral", "notice");
const anyEvent = fc.record({
  topic: text,
  class: classes,
  conversationId: text,
  seq: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bytes: body,
  membership: fc.boolean(),
  key: text,
});
const topics = fc.array(text, { maxLength: 20 });

const item: fc.Arbitrary<LinkItem> = fc.oneof(
  fc.record({ kind: fc.constantFrom("event" as const, "relay" as const), event: anyEvent }),
  fc.record({ kind: fc.constantFrom("join" as const, "leave" as const), topics }),
  fc.record({ kind: fc.constant("broadcast" as const), name: text, body }),
);

const wireClasses = {
  durable: WireClass.DURABLE,
  ephemeral: WireClass.EPHEMERAL,
  notice: WireClass.NOTICE,
} as const;

/** The item as the generated code has it. */
function generated(of: LinkItem): MessageInitShape<typeof LinkItemSchema> {
  switch (of.kind) {
    case "event":
    case "relay": {
      const { bytes, class: eventClass, ...rest } = of.event;
      const value = create(TopicEventSchema, { ...rest, body: bytes, class: wireClasses[eventClass] });
      return { kind: { case: of.kind, value } };
    }
    case "join":
    case "leave":
      return { kind: { case: of.kind, value: { topics: [...of.topics] } } };
    case "broadcast":
      return { kind: { case: of.kind, value: { name: of.name, body: of.body } } };
  }
}

describe("an item", () => {
  test("is written byte for byte as generated code writes it", () => {
    fc.assert(
      fc.property(item, (of) => {
        const expected = toBinary(LinkItemSchema, create(LinkItemSchema, generated(of)));
        expect(encodeItem(of).bytes).toEqual(new Uint8Array(expected));
      }),
    );
  });

  test("is read as it was written, by generated code too", () => {
    fc.assert(
      fc.property(item, (of) => {
        const { bytes } = encodeItem(of);
        expect(decodeItem(bytes)).toEqual(of);
        expect(fromBinary(LinkItemSchema, bytes)).toEqual(create(LinkItemSchema, generated(of)));
      }),
    );
  });

  test("is read in spite of fields that this version does not know, on every level", () => {
    const unknown = (field: number) => [
      { no: field, wireType: WireType.Varint, data: new Uint8Array([5]) },
      { no: field + 1, wireType: WireType.LengthDelimited, data: new Uint8Array([2, 7, 7]) },
      { no: field + 2, wireType: WireType.Bit32, data: new Uint8Array(4) },
      { no: field + 3, wireType: WireType.Bit64, data: new Uint8Array(8) },
    ];
    fc.assert(
      fc.property(item, (of) => {
        const message = create(LinkItemSchema, generated(of));
        message.$unknown = unknown(100);
        if (message.kind.value !== undefined) message.kind.value.$unknown = unknown(40);
        expect(decodeItem(toBinary(LinkItemSchema, message))).toEqual(of);
      }),
    );
  });

  test("of an unknown kind, of no kind, or of an unknown class is none", () => {
    const kind = new BinaryWriter()
      .uint32((9 << 3) | WireType.LengthDelimited)
      .bytes(new Uint8Array(3))
      .finish();
    expect(decodeItem(kind)).toBeUndefined();
    expect(decodeItem(new Uint8Array())).toBeUndefined();
    for (const eventClass of [0, 99]) {
      const classField = new BinaryWriter()
        .uint32((2 << 3) | WireType.Varint)
        .int32(eventClass)
        .finish();
      const event = new BinaryWriter()
        .uint32((1 << 3) | WireType.LengthDelimited)
        .bytes(classField)
        .finish();
      expect(decodeItem(event)).toBeUndefined();
    }
  });

  test("that is cut short, or whose inner length is wrong, is refused", () => {
    const { bytes } = encodeItem(eventItem(3));
    for (let length = 1; length < bytes.length; length += 1) {
      expect(() => decodeItem(bytes.subarray(0, length)), `${length} bytes`).toThrow(Error);
    }
    const [tag = 0, length = 0, ...rest] = bytes;
    expect(() => decodeItem(new Uint8Array([tag, length - 1, ...rest]))).toThrow(
      "beyond the end of its message",
    );
  });
});

test("only an ephemeral event replaces, by its kind, topic and key", () => {
  const key = (fields: Parameters<typeof eventItem>[1]) => encodeItem(eventItem(0, fields)).replaces;
  expect(key({ class: "ephemeral", key: "typing" })).toBe("event conv/g-1 typing");
  expect(key({ class: "ephemeral", key: "typing", topic: "conv/g-2" })).toBe("event conv/g-2 typing");
  expect(key({ class: "durable" })).toBeUndefined();
  expect(key({ class: "notice" })).toBeUndefined();
  expect(encodeItem({ kind: "join", topics: ["conv/g-1"] }).replaces).toBeUndefined();
  expect(encodeItem({ kind: "broadcast", name: "n", body: new Uint8Array() }).replaces).toBeUndefined();
});
