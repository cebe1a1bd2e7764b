import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fieldBytesMax, textBytesMax, WireWriter } from "./wire-writer.ts";

const tag = (field: number, type: WireType): number => (field << 3) | type;

test("a field is written as the protobuf runtime writes it, also as a part of another message", () => {
  const fields = fc.record({
    text: fc.string({ unit: "binary", maxLength: 300 }),
    bytes: fc.uint8Array({ maxLength: 300 }),
    number: fc.maxSafeNat(),
    uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  });
  fc.assert(
    fc.property(fields, ({ text, bytes, number, uint64 }) => {
      const expected = new BinaryWriter();
      if (text !== "") expected.uint32(tag(1, WireType.LengthDelimited)).string(text);
      if (bytes.length > 0) expected.uint32(tag(2, WireType.LengthDelimited)).bytes(bytes);
      if (number > 0) expected.uint32(tag(3, WireType.Varint)).uint64(BigInt(number));
      if (uint64 > 0n) expected.uint32(tag(4, WireType.Varint)).uint64(uint64);
      const plain = expected.finish();
      const writer = new WireWriter(textBytesMax(text) + bytes.length + 3 * fieldBytesMax);
      writer.text(1, text);
      writer.bytes(2, bytes);
      writer.number(3, number);
      writer.uint64(4, uint64);
      expect(writer.finish()).toEqual(new Uint8Array(plain));
      const nested = new BinaryWriter().uint32(tag(15, WireType.LengthDelimited)).bytes(plain).finish();
      expect(writer.finishAs(15)).toEqual(new Uint8Array(nested));
    }),
  );
});

test("an item of a list is written even when it is empty", () => {
  const writer = new WireWriter(2 * fieldBytesMax);
  writer.item(1, "");
  writer.item(2, new Uint8Array());
  expect([...writer.finish()]).toEqual([
    tag(1, WireType.LengthDelimited),
    0,
    tag(2, WireType.LengthDelimited),
    0,
  ]);
});

test("a text that is no valid Unicode is written as one that is", () => {
  const writer = new WireWriter(textBytesMax("\ud800"));
  writer.text(1, "\ud800");
  const reader = new BinaryReader(writer.finish());
  expect([reader.uint32(), reader.string()]).toEqual([tag(1, WireType.LengthDelimited), "\ufffd"]);
});
